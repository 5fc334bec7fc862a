/* The steps of this program, one file each. */
#ifndef KARCIS_PAYMENT_WORKER_STEPS_H
#define KARCIS_PAYMENT_WORKER_STEPS_H

#include "common/step.h"

extern const struct step invoice, charge;

#endif
