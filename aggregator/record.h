/* The aggregator's step. */
#ifndef KARCIS_AGGREGATOR_RECORD_H
#define KARCIS_AGGREGATOR_RECORD_H

#include "common/step.h"

extern const struct step record;

#endif
