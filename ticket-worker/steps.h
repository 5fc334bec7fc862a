/* The steps of this program, one file each. */
#ifndef KARCIS_TICKET_WORKER_STEPS_H
#define KARCIS_TICKET_WORKER_STEPS_H

#include "common/step.h"

extern const struct step hold, bill, settle;
extern const struct redrive hold_redrive;

#endif
