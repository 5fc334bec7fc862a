/* The streams and every other name that exists in Redis. No key is spelled anywhere else. */
#ifndef KARCIS_STREAM_H
#define KARCIS_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include "common/id.h"
#include "common/text.h"

struct arena;

enum stream {
    BOOKING_REQUESTED,
    SEAT_RESERVED,
    SEAT_HELD,
    INVOICE_CREATED,
    PAYMENT_REQUESTED,
    PAYMENT_DONE,
    CANCEL_REQUESTED,
    BOOKING_CLOSED,
    EVENTS,
    DEAD,
    STREAM_COUNT
};

struct text stream_key(enum stream stream);
bool stream_of_key(struct text key, enum stream *stream);
/* The groups that read this stream besides `record`, which reads all: comma list. What one of them has not read and
 * acknowledged yet is still needed, even when the group does not exist (nobody has started it, or it was destroyed). */
struct text stream_readers(enum stream stream);
bool stream_has_reader(enum stream stream, struct text group);

/* "hb:" + consumer: exists while the consumer lives; for how many ms it was given. */
struct text stream_heartbeat_key(struct arena *arena, struct text consumer);
/* "turn:" + consumer: the channel on which its turn is announced. */
struct text stream_turn_channel(struct arena *arena, struct text consumer);

/* What Redis is known by: "<incarnation> <since>". The store knows the incarnation too; if Redis has lost data it gets
 * another one, and everything said since then (microseconds since 1970; 0: no loss) may have been lost. */
struct text stream_incarnation_key(void);
struct text stream_beat_key(void); /* counted up, so that an older copy of Redis is known by its lower count */
/* A hash: "<stream> <group>" to the id up to which the group had acknowledged everything at some time. A group that was
 * destroyed goes on there. */
struct text stream_positions_key(void);
/* The last incarnation after whose beginning everything that this step may owe was said again. */
struct text stream_recalled_key(struct arena *arena, const char *step);
/* "karcis:<what>:<name>": of one process among its like. */
struct text stream_state_key(struct arena *arena, const char *what, const char *name);
/* "karcis:suspect:<step>:<stream>:<id>": how many workers took this entry alone, not sure to survive it. */
struct text stream_suspect_key(struct arena *arena, struct text step, enum stream stream, struct text id);

/* "karcis:dead:<booking>": one of its entries went to `dead`, so somebody must look at it before it goes on. */
struct text stream_dead_key(struct arena *arena, struct uuid booking);

/* "karcis:asked:<id>": what was asked for under an Idempotency-Key (publisher/idempotency.h); the id is its booking's.
 */
struct text stream_asked_key(struct arena *arena, struct uuid id);

/* An entry's id, "ms-seq". */
struct entry_id {
    uint64_t ms, seq;
};
#define ENTRY_ID_TEXT_BYTES 42
bool entry_id_parse(struct text text, struct entry_id *id);
struct text entry_id_text(struct arena *arena, struct entry_id id);
int entry_id_compare(struct entry_id a, struct entry_id b);

/* For scripts: the same comparison. As text, because an id's halves have 64 bits, which Lua's numbers have not. */
#define LUA_IS_BEFORE                                                                                                  \
    "local function is_less(a, b) return #a < #b or (#a == #b and a < b) end\n"                                        \
    "local function is_before(a, b)\n"                                                                                 \
    "  local a_ms, a_seq = string.match(a, '(%d+)-(%d+)')\n"                                                           \
    "  local b_ms, b_seq = string.match(b, '(%d+)-(%d+)')\n"                                                           \
    "  return is_less(a_ms, b_ms) or (a_ms == b_ms and is_less(a_seq, b_seq))\n"                                       \
    "end\n"
/* What XINFO answers, by name. */
#define LUA_MAP                                                                                                        \
    "local function map(list)\n"                                                                                       \
    "  local is = {}\n"                                                                                                \
    "  for i = 1, #list, 2 do is[list[i]] = list[i + 1] end\n"                                                         \
    "  return is\n"                                                                                                    \
    "end\n"

/* The script goes on only with the lease KEYS[1], for us (ARGV[1]) and so many ms (ARGV[2]), and answers {0} if another
 * one has it. One that will last longer than any was given was given before Redis' clock went back: it is nobody's. */
#define LUA_TAKE_LEASE                                                                                                 \
    "local owner = redis.call('GET', KEYS[1])\n"                                                                       \
    "local is_others = owner and owner ~= ARGV[1] and redis.call('PTTL', KEYS[1]) <= tonumber(ARGV[2])\n"              \
    "if is_others then return {0} end\n"                                                                               \
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"

#endif
