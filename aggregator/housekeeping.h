/* Keeps Redis small: streams are trimmed behind what all have read, and consumers that are gone are forgotten.
 *
 * The idea to hold in mind: what must not be lost is looked up and acted upon in one script, so nothing can change in
 * between, no leader is needed and every aggregator may do it at any time. */
#ifndef KARCIS_HOUSEKEEPING_H
#define KARCIS_HOUSEKEEPING_H

struct loop;

void housekeeping_start(struct loop *loop);
void housekeeping_stop(void);

#endif
