/* Statistics for who listens (GET /live), made together with those of GET /stats. */
#ifndef KARCIS_AGGREGATOR_STATS_H
#define KARCIS_AGGREGATOR_STATS_H

#include <stdbool.h>
#include "common/text.h"

/* tell gets a small JSON object once a second while is_wanted says so. */
void stats_tell(void (*tell)(struct text numbers), bool (*is_wanted)(void));

#endif
