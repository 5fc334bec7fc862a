/* Payment links: BASE_URL/pay/<invoice_no>?token=…, where the token is a MAC over what the link is for. */
#ifndef KARCIS_PAYMENT_WORKER_LINK_H
#define KARCIS_PAYMENT_WORKER_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include "common/text.h"

struct arena;

/* The token of an invoice: 43 characters of base64url, BLAKE2b keyed by LINK_SECRET over number and due time.
 */
struct text link_token(struct arena *arena, struct text invoice_no, int64_t due_at_us);
struct text link_url(struct arena *arena, struct text invoice_no, int64_t due_at_us);

#endif
