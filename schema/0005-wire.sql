-- What the store knows of Redis, so that a Redis which forgot is noticed and what it forgot is said again.

-- One row. The incarnation and the beat stand in Redis too: another incarnation there, or a beat that went back, is a loss.
CREATE TABLE log.wire (
    is_only     boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    incarnation text NOT NULL,
    beat        bigint NOT NULL DEFAULT 0,
    read_up_to  timestamptz NOT NULL DEFAULT now(),       -- what was said before this, all groups have read
    losses      bigint NOT NULL DEFAULT 0,
    lost_since  timestamptz,                              -- what was said since may have been lost with the last incarnation
    lost_at     timestamptz,
    is_recalled boolean NOT NULL DEFAULT true             -- all of that was said again
);

-- The highest id that each stream has had: ids below it must not be used again.
CREATE TABLE log.marks (
    stream    smallint PRIMARY KEY,
    entry_ms  bigint NOT NULL,
    entry_seq bigint NOT NULL
);

GRANT SELECT, INSERT, UPDATE ON log.wire, log.marks TO karcis_aggregator;

-- Bookings in the order of their holds, to find those that have waited too long. It never changes while a booking lives, so
-- an update of the booking stays in its page.
CREATE INDEX bookings_by_hold ON ticketing.bookings (hold_expires_at, booking_id) WHERE hold_expires_at IS NOT NULL;
