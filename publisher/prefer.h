/* The header Prefer (RFC 7240), as far as we follow it: wait=N, how many seconds a client would wait for the result. */
#ifndef KARCIS_PREFER_H
#define KARCIS_PREFER_H

struct head;

/* 1..WAIT_S_MAX, a larger one cut to that; 0: it would not wait, or what it says cannot be read and is ignored, as the
 * RFC asks. Of several the first holds. */
int prefer_wait_s(const struct head *head);

#endif
