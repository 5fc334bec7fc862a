/* The part of record that is about `dead`: letters are kept, and marked when an entry comes that replays one. */
#ifndef KARCIS_AGGREGATOR_LETTERS_H
#define KARCIS_AGGREGATOR_LETTERS_H

#include "aggregator/logged.h"
#include "common/step.h"

struct json;

struct letters { /* of a batch */
    struct letter *list;
    size_t count;
    struct replayed {
        const struct entry *entry;
        struct replay replay;
    } * replays;
    size_t replay_count;
};

void letters_begin(struct letters *letters, const struct batch *batch);
void letters_take(struct letters *letters, struct json *json, const struct entry *entry); /* an entry of `dead` */
void letters_look(struct letters *letters, const struct entry *entry); /* any other: is it a replay? */

/* The parameters of record_dead and record_replayed. */
bool letters_bind_dead(const struct letters *letters, struct params *params);
bool letters_bind_replayed(const struct letters *letters, struct params *params);

#endif
