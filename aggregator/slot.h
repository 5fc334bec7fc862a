/* The rows of log.counters that this process adds to: recorders add to different ones, and readers add them up. */
#ifndef KARCIS_SLOT_H
#define KARCIS_SLOT_H

#include <stdint.h>

int16_t counter_slot(void); /* the same for the life of the process */

#endif
