-- log: every event once, and how often it came. Counters live here, written in the transaction that stores the events;
-- each recorder writes rows of its own slot, so that recorders never wait for each other, and readers add them up.

CREATE TABLE log.events (
    entry_ms    bigint NOT NULL,   -- the entry's id: where it stood on its stream
    entry_seq   bigint NOT NULL,
    at          timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    stream      smallint NOT NULL,
    topic       text COLLATE "C" NOT NULL,
    event_id    text COLLATE "C" NOT NULL,
    source      text NOT NULL,
    payload     json NOT NULL,
    PRIMARY KEY (topic, event_id)
);
-- A topic in the order of its events' own times; equal times by arrival. The list over all topics merges these.
CREATE INDEX events_by_time ON log.events (topic, at, entry_ms, entry_seq);

-- An entry whose event was known already under another entry's id. One row per entry: a redelivery is not counted again.
CREATE TABLE log.duplicates (
    entry_ms    bigint NOT NULL,
    entry_seq   bigint NOT NULL,
    stream      smallint NOT NULL,
    is_conflict boolean NOT NULL,   -- the same id with another payload
    topic       text COLLATE "C" NOT NULL,
    event_id    text COLLATE "C" NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, entry_ms, entry_seq)
);

-- An entry that could not be stored as an event.
CREATE TABLE log.rejected (
    entry_ms  bigint NOT NULL,
    entry_seq bigint NOT NULL,
    stream    smallint NOT NULL,
    reason    text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, entry_ms, entry_seq)
);

CREATE TABLE log.dead_letters (
    dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream         text NOT NULL,
    entry_id       text NOT NULL,
    step           text NOT NULL,
    reason         text NOT NULL,
    detail         text,
    deliveries     integer NOT NULL DEFAULT 1,
    fields         json NOT NULL,
    at             timestamptz NOT NULL DEFAULT now(),
    replayed_at    timestamptz,
    UNIQUE (stream, entry_id, step)
);

CREATE TABLE log.counters (
    slot              smallint NOT NULL,
    topic             text COLLATE "C" NOT NULL,
    unique_processed  bigint NOT NULL DEFAULT 0,
    duplicate_dropped bigint NOT NULL DEFAULT 0,
    conflicts         bigint NOT NULL DEFAULT 0,
    rejected          bigint NOT NULL DEFAULT 0,
    redelivered       bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (slot, topic)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 1000);

-- Histograms: how often a latency fell into a bucket (bucket b ends at 2^(b/4) times a tenth of a millisecond).
CREATE TABLE log.latencies (
    slot    smallint NOT NULL,
    name    text COLLATE "C" NOT NULL,
    bucket  smallint NOT NULL,
    count   bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (slot, name, bucket)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 1000);

GRANT SELECT, INSERT ON log.events, log.duplicates, log.rejected TO karcis_aggregator;
GRANT SELECT, INSERT, UPDATE ON log.dead_letters, log.counters, log.latencies TO karcis_aggregator;
