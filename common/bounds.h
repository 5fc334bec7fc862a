/* Every limit and time-out of the system, each with its reason. What an operator may want to change is a setting
 * (config.h); what stands here protects the system from its input and from itself. */
#ifndef KARCIS_BOUNDS_H
#define KARCIS_BOUNDS_H

/* ---- input ---- */
#define IDENTIFIER_BYTES_MAX 64 /* users, shows, bookings' names: fits an index entry, a log line and a URL */
#define SEAT_LABEL_BYTES_MAX 32 /* "BALCONY-LEFT-ROW-12-SEAT-104" fits with room */
#define EVENT_ID_BYTES_MAX                                                                                             \
    200 /* as promised to publishers; (topic, event_id) stays far below a B-tree entry's 2,704                         \
         */
#define TOPIC_BYTES_MAX       200    /* the same */
#define SOURCE_BYTES_MAX      200    /* a URI of a usual length */
#define TRACEPARENT_BYTES_MAX 255    /* version 00 has 55; a later one may say a little more */
#define REASON_BYTES_MAX      500    /* a sentence for people, not a document */
#define URL_BYTES_MAX         2000   /* what browsers and proxies take everywhere */
#define ENTRY_FIELDS_MAX      64     /* a typed event has 5 to 12 fields; more is garbage */
#define ENTRY_BYTES_MAX       262144 /* one entry; BATCH_BYTES_MAX bounds how many of them stand together */
#define BOOKING_SEATS_MAX     10     /* one booking: keeps a lucky fan from taking a row, and bounds the lock list */
#define SHOW_SEATS_MAX        200000 /* the largest stadiums hold 150,000 */
#define AMOUNT_MAX            1000000000000LL /* minor units: ten billion in a two-digit currency; sums stay far below 2^63 */

/* ---- memory ---- */
#define ARENA_BLOCK_BYTES 65536 /* a usual batch of 100 entries fits one or two blocks */
#define ARENA_BYTES_MAX                                                                                                \
    (128u << 20) /* one batch or one request; beyond it something is wrong: stop, let another try                      \
                  */
#define ALLOCATION_KEPT_BYTES (16 << 20) /* freed memory that a program keeps for its next batch */
#define LOG_BUFFER_BYTES      65536      /* lines are written together, one write(2) a batch */
#define LOG_FLUSH_MS          200        /* a line is read so much later at most */
#define LOG_VALUE_BYTES_MAX   400        /* one value in a log line */

/* ---- the wire ---- */
#define REDIS_CONNECT_MS 2000 /* a healthy Redis accepts in well under 1 ms on a LAN */
#define REDIS_COMMAND_MS 5000 /* the slowest script of ours takes 10 ms; 5 s means stopped, not slow */
#define REDIS_READ_BLOCK_MS                                                                                            \
    2000 /* a reader looks up at least this often: a vanished group is noticed, SIGTERM is served */
#define FOLLOW_ENTRIES_MAX 500  /* of each stream, at once: a millisecond of work, some 200 KB */
#define FOLLOW_CHECK_MS    2000 /* how often a follower looks whether it missed something: 20 us of Redis's time */
#define REDIS_REPLY_BYTES_MAX                                                                                          \
    (96u << 20)                      /* an entry of any size that Redis takes (stack/redis.conf); less than an arena */
#define READ_BYTES_WANTED (8u << 20) /* a read that brings more makes the next one ask for fewer entries */
#define REDIS_REPLY_ITEMS_MAX                                                                                          \
    1000000 /* in one array of a reply; the longest we ask for are CLAIM_ENTRIES_MAX and BATCH_MAX */
#define STORE_CONNECT_MS   3000
#define STORE_STATEMENT_MS 10000 /* a batch commits in 2 to 20 ms; 10 s means stopped */
#define STORE_ANSWER_MS    2000 /* so much of it is for the way there and back: the server itself ends what takes 8 s */
#define STORE_LOOK_MS      1000 /* how often that is looked at; an idle connection is asked for a sign of life as often */
/* A connection on which nothing is said, and whose other end has vanished without a word: asked after so long, so
 * often. It is noticed after some 10 s, before it is needed. */
#define KEEPALIVE_IDLE_S     5
#define KEEPALIVE_INTERVAL_S 2
#define KEEPALIVE_COUNT      3
#define RECONNECT_MS_BASE    50   /* full jitter: uniform in 0..min(cap, base * 2^n) */
#define RECONNECT_MS_CAP     3000 /* a server that is back is used again within 3 s */

/* ---- the step engine ---- */
/* The aggregator remembers that it has seen so many events at least, twice as many at most: repetitions mostly come
 * soon. Two megabytes. */
#define FAMILIAR_EVENTS         800000
#define FAMILIAR_BITS           (8u << 20)
#define BATCH_BYTES_MAX         (8u << 20) /* of all entries of a batch; what is made of them takes a few times more */
#define BATCH_MAX               2000 /* entries a read; beyond it Redis is held up for others and nothing is gained */
#define TURN_WAIT_MS            20 /* a lost wake-up costs at most this (notes: 27 ms worst stall measured with kills) */
#define RESCUE_WHILE_WAITING_MS 50    /* whose turn it is may be dead: look this often while waiting for it */
#define RESCUE_MS               250   /* look for entries of dead consumers: some 20 us of Redis' time each */
#define STUCK_OWNER_MS          60000 /* a living consumer that holds an entry longer than this is stuck: take it over */
#define SUSPECT_DELIVERIES                                                                                             \
    3 /* an entry given out so often whose consumers died each time may be what killed them: it is taken alone */
#define SUSPECT_RUNS_MAX     2       /* workers that may die with it alone in their hands before it goes to `dead` */
#define SUSPECT_KEPT_MS      3600000 /* how long such a run is remembered: restarts are seconds apart */
#define RETRY_MS_BASE        100     /* an entry that asked to be retried: full jitter, doubling */
#define RETRY_MS_CAP         10000
#define RETRY_ENTRIES_MAX    2000   /* waiting in one worker; above it the step reads no more until some are settled */
#define REDRIVE_AFTER_MS     10000  /* a booking is through in milliseconds; one that waits so long is looked after */
#define REDRIVE_AGAIN_MS_MAX 300000 /* and again, with growing distance */
#define REDRIVE_ROWS_MAX     2000   /* said again at once */
#define REDRIVE_ROWS_PER_S   2000   /* a fifth of what the flow can take: new requests go on beside it */
#define REDRIVE_WAITING_MAX  100000 /* remembered, to be looked after again: 3 MB */
#define BOOKING_DEAD_S       86400  /* so long a booking with a dead letter is left to people; a day to see to it */
#define REDRIVE_IDLE_MS      1000
#define REDRIVE_ACTIVE_MS    50    /* between two looks at whether the wire is clear */
#define LEASE_MS             3000  /* who redrives or keeps watch, until it is renewed; another takes over after it */
#define WATCH_MS             1000  /* looks at whether Redis still is what it was */
#define WATCH_AGAIN_MS       100   /* the second look, when the first found something wrong */
#define CLOCKS_DIFFER_MS     5000  /* between Redis' machine and PostgreSQL's, at most */
#define RESTORE_MS           60000 /* after a loss the log is compared with the bookings for so long */
#define DRAIN_MS             8000  /* SIGTERM to exit; stop_grace_period in compose is longer */
#define DRAIN_ANSWER_MS                                                                                                \
    1500 /* from SIGTERM on a server that has not answered by then is away: what is in hand stays pending */
#define DRAIN_ANSWER_MS_MIN     500  /* of what is asked later */
#define DRAIN_LOOK_MS           100  /* how often that is looked at */
#define CLAIM_ENTRIES_MAX       1000 /* taken over at once */
#define REASON_DETAIL_BYTES_MAX 300

/* ---- housekeeping ---- */
#define HOUSEKEEPING_MS     2000  /* how often; a full flow adds 20,000 entries to a stream meanwhile */
#define TRIM_ENTRIES_MAX    10000 /* cut off at once: Redis is held up for 0.2 ms */
#define TRIM_HELD_MS        60000 /* a group this far behind that keeps a stream from being trimmed is worth a warning, */
#define TRIM_WARN_MS        60000  /* and another one only after this long */
#define TRIM_KEEP_ALL_BELOW 70     /* percent of Redis' memory: above it entries that all have read are not kept */
#define DEAD_KEPT_S         604800 /* dead letters of a week can be looked at on their stream, too */

/* ---- the front door ---- */
#define DOOR_LOOK_MS            500 /* how often the publisher looks at what waits: 0.5 ms of Redis's time */
#define DOOR_MEMORY_CLOSED_FROM 85  /* percent of Redis' memory: what is under way needs the rest */
#define DOOR_MEMORY_OPEN_BELOW  80  /* not at once again, so that the door does not flap */
#define DOOR_BACKLOG_OPEN_BELOW 90  /* percent of BACKLOG_MAX: the same */
#define RETRY_AFTER_S_MAX       5   /* who was refused comes back within 1 to 5 s */

/* A client that may repeat a request (Idempotency-Key) does so for a day: 170 bytes of Redis's memory for each key. */
#define IDEMPOTENCY_KEPT_MS       86400000
#define IDEMPOTENCY_KEY_BYTES_MAX 255
/* A client that waits for its booking (Prefer: wait) holds a connection and 11 KB (measured). */
#define WAIT_S_MAX  30   /* below the usual time-out of proxies (60 s) */
#define WAITERS_MAX 5000 /* of HTTP_CONNECTIONS_MAX; whoever comes then is not waited for: 202 at once */
#define WAIT_LOOK_MS                                                                                                   \
    500 /* how often all who wait are looked for in the store, in one statement: WAITLISTED is not said */
#define WAIT_REST_MS                 10000 /* nobody waits for so long: the streams are not followed any more */
#define CANCEL_REASON_CHARACTERS_MAX 200   /* a sentence */
#define BUY_WAIT_S                   10    /* POST /buy-tickets waits for the payment so long; it takes milliseconds */
/* The catalog's connection works on one change after the other. A usual one takes a millisecond or two, the largest
 * show 3 s of an idle machine and 12 MB. So who is let in waits for some 10 s, and who comes then is told to come
 * again. */
#define CATALOG_CHANGES_MAX  1000
#define CATALOG_SEATS_MAX    400000 /* of all that wait: beyond it no more changes are let in */
#define CATALOG_STATEMENT_MS 30000  /* in place of STORE_STATEMENT_MS: what is slow there holds nobody up */
#define PUBLISH_EVENTS_MAX   5000   /* in one body: 1 MiB of small events; Redis takes them in 15 ms */
#define PUBLISH_LANES        8      /* connections for events: a sync of Redis's file serves what it has read of all */
#define REDIS_TURN_BYTES     16384  /* Redis reads at most so much of a connection before it sees to others (7.0) */
#define PUBLISH_UNDER_WAY_BYTES_MAX                                                                                    \
    (64u << 20) /* to Redis, unanswered: a second of all it can take; beyond it waiting helps nobody */

/* ---- who may what ---- */
#define KEYS_MAX                10000 /* all are held in memory (1 MB); one for each shop, gate and operator */
#define KEY_NAME_CHARACTERS_MAX 100
#define ACCESS_REFRESH_MS       1000 /* a revoked key is good for so long and a round trip; one row is read each time */
#define SESSION_S               604800 /* a week: who buys once a month logs in each time, who waits for a sale does not */
#define SESSIONS_PER_USER_MAX   20     /* one for each browser and telephone; the oldest goes */
#define SESSION_CACHE_MS        2000  /* a session that was ended in another process is good for so long */
#define SESSION_CACHE_COUNT     4096  /* 500 KB; whoever is not in it costs one look-up of a primary key */
#define PASSWORD_BYTES_MIN      6     /* guessing is limited by LOGIN_NAME_S; more is the user's choice */
#define PASSWORD_BYTES_MAX      200   /* a long sentence */
#define EMAIL_BYTES_MAX         254   /* RFC 5321, section 4.5.3.1.3, as corrected */
#define LIMITS_BUCKETS          65536 /* callers remembered at once: 1 MB; who was quiet longest is forgotten first */
#define LIMITS_NAME_BYTES_MAX   160   /* a lane and a name, of which the beginning counts */
#define RATE_LIMIT_BURST_S      2     /* so many seconds' requests may come at once */
/* Wrong passwords: for a name 10 at once, then 10 a minute, which makes 14,400 a day of a space of millions; for an
 * address more, since a whole school may stand behind it. */
#define LOGIN_NAME_S        6
#define LOGIN_NAME_BURST    10
#define LOGIN_ADDRESS_PER_S 5
#define LOGIN_ADDRESS_BURST 100

/* ---- off the loop ---- */
#define OFFLOAD_THREADS     2  /* argon2id takes 70 ms and 64 MiB of each */
#define OFFLOAD_WAITING_MAX 50 /* some 2 s of work; beyond it a client is told to come again (503) */

/* ---- statistics ---- */
#define STATS_EVERY_MS    1000     /* made so often while somebody looks, */
#define STATS_FIRST_MS    20       /* so often is looked for the store after a start: at once, for people */
#define STATS_WATCHED_US  10000000 /* which is who has asked within the last 10 s */
#define STATS_KEPT_US     1500000  /* no answer is older; who asks meanwhile gets it at once */
#define TALLY_QUICK_US    10000    /* some 20,000 bookings: counted for whoever asks */
#define TALLY_KEPT_US_MIN 1000000  /* more of them are counted not oftener than this, */
#define TALLY_KEPT_TIMES  10       /* nor for more than a tenth of the time, */
#define TALLY_OLD_TIMES   13 /* but who comes after a pause waits for a new one: a million are 5 to 10 s old at most */

#define GAUGES_EVERY_MS 5000 /* groups and counters for Prometheus, which asks every 15 s: 1 ms of Redis' time */

/* ---- GET /live ---- */
#define LIVE_LISTENERS_MAX    2500   /* of HTTP_CONNECTIONS_MAX, which leaves room for those who ask */
#define LIVE_SLOTS            4096   /* of the table of channels: more than listeners */
#define LIVE_EVERY_MS         100    /* told together: 2,500 listeners are 25,000 writes a second, a tenth of a core */
#define LIVE_AGAIN_MS         1000   /* Redis could not be asked: again */
#define LIVE_WAITING_MAX      20000  /* events not yet told; 200,000 a second is more than can be booked */
#define LIVE_HEARTBEAT_MS     15000  /* below the usual time-out of proxies; and who has gone is noticed */
#define LIVE_REPLAY_ENTRIES   1000   /* of each stream, for who comes back; who missed more begins anew, */
#define LIVE_REPLAY_BYTES_MAX 131072 /* and so does who missed more bytes: half of what may wait for him */

/* ---- HTTP ---- */
#define HTTP_BODY_BYTES_MAX  1048576 /* 1,000 events of 1 KB */
#define HTTP_BODY_ROOM_BYTES 32768   /* made at once for a body; beyond it as much as has come, doubled */
/* What requests under way hold together: their bytes, the trees of their bodies, answers that wait. With 128 MiB for
 * passwords it stays below the 512 MB that docker-compose.yml gives a program. Above it what is large is refused; what
 * is small goes on, since there are HTTP_CONNECTIONS_MAX of it at most. */
#define HTTP_HELD_BYTES_MAX            (128u << 20) /* a hundred bodies of 1 MiB, which are in for milliseconds each */
#define HTTP_SMALL_BODY_BYTES          16384        /* any booking, some 50 events */
#define HTTP_SMALL_ANSWER_BYTES        65536 /* /metrics, /stats, any booking; the kernel takes it, so it does not wait */
#define HTTP_REQUEST_LINE_BYTES_MAX    8000  /* what RFC 9112 section 3 wants taken at least */
#define HTTP_HEADER_BYTES_MAX          8192  /* all headers of a request; browsers send some 700 bytes */
#define HTTP_CHUNK_EXTENSION_BYTES_MAX 4096  /* of a whole body: nobody uses them, and each costs time to skip */
#define HTTP_READ_BYTES                65536 /* taken from the kernel at once; one piece of memory for all connections */
#define HTTP_INPUT_WAITING_MAX         65536 /* of the next requests, while one is being answered; then reading stops */
#define HTTP_OUTPUT_WAITING_MAX        262144 /* answers that the client has not read; then no next request is looked at */
#define HTTP_STREAM_WAITING_MAX        262144 /* of a stream: some 1,000 events; who is further behind is better off anew */
#define HTTP_WRITE_MS                  10000 /* a client must take HTTP_WRITE_BYTES, or all that waits, in this time */
#define HTTP_WRITE_BYTES               65536 /* 6.5 kB/s: the slowest mobile network */
#define HTTP_LINGER_MS                 2000  /* after the last answer the client has this long to read it and close */
#define HTTP_LINGER_BYTES_MAX          (8u << 20) /* thrown away meanwhile; a client that sends more does not listen */
#define HTTP_CONNECTIONS_MAX           8000  /* below the usual limit of file descriptors that the skeleton raises to */
#define HTTP_REQUEST_MS                10000 /* headers and body must be in by then */
#define HTTP_IDLE_MS                   60000 /* keep-alive */
#define HTTP_IDLE_CROWDED_MS           1000 /* the same while HTTP_CONNECTIONS_MAX are there: who does nothing makes room */
#define HTTP_STOP_MS                   7000 /* after SIGTERM; before the skeleton gives up (DRAIN_MS) */
#define LIST_LIMIT_DEFAULT             50
#define LIST_LIMIT_MAX                 1000
#define PAGE_NUMBER_MAX                1000000 /* of numbered pages, which are counted through from the first */
#define MY_TICKETS_BOOKINGS_MAX        1000 /* a list that has no pages; whoever bought more reads /users/{name}/bookings */
/* Where the entry of an undecided booking is looked for: from when its id was made (clocks differ a little) until Redis
 * would have been given up, in so many entries (0.3 ms of Redis's time), and not for ids older than the longest backlog
 * worth waiting for. */
#define REQUESTED_BEFORE_MS   100
#define REQUESTED_AFTER_MS    (REDIS_COMMAND_MS + 100)
#define REQUESTED_ENTRIES_MAX 200
#define REQUESTED_AGE_MS_MAX  600000
#define JSON_DEPTH_MAX        32
#define JSON_CONTAINERS_MAX                                                                                            \
    20000 /* objects and arrays in one body: jansson makes 230 bytes of a "{}," (measured: 79 MiB of 1 MiB) */
#define HTTP_HEADERS_MAX 64 /* browsers send some 20 */
#define HTTP_REPLY_BYTES_MAX                                                                                           \
    8388608 /* a page of a list ends early at this; far below what one request may take (ARENA_BYTES_MAX) */
#define HTTP_SWEEP_MS 200 /* how often all connections' deadlines are looked at */

#endif
