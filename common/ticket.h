/* A ticket: one seat of one confirmed booking. Its id follows from the two, so whoever needs it makes it, always the
 * same, and n tickets have n ids. */
#ifndef KARCIS_TICKET_H
#define KARCIS_TICKET_H

#include "common/id.h"
#include "common/text.h"

struct uuid ticket_id(struct uuid booking_id, struct text seat);

#endif
