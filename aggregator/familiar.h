/* Which events have probably been seen before: a guess that decides only how an event is looked for in the store, never
 * what becomes of it. */
#ifndef KARCIS_AGGREGATOR_FAMILIAR_H
#define KARCIS_AGGREGATOR_FAMILIAR_H

#include <stdbool.h>

#include "common/text.h"

/* Before the events of each batch. was_wrong: of a batch that is done again, since an event was known that had looked
 * new. Others like it are likely to follow – from before we were started, or from another recorder – so for a while
 * nothing looks new. */
void familiar_begin(bool was_wrong);
/* Does this event look new? Not if it was among the latest FAMILIAR_EVENTS (bounds.h) for which this was asked; of
 * those that were not, one in a hundred does not look new either. */
bool familiar_is_new(struct text topic, struct text event_id);
void familiar_forget(void); /* everything: as a program that was just started */

#endif
