-- ticketing: users, shows, seats, bookings, waitlist. Text keys compare by bytes (COLLATE "C"), which is what the programs
-- sort by. Hot tables have no index on what changes, so that an update stays in its page (HOT), and no foreign keys on
-- the hot path: schema/invariants.sql counts what a foreign key would refuse.

CREATE TYPE ticketing.seat_status AS ENUM ('OPEN', 'ON_GOING', 'BOOKED');
CREATE TYPE ticketing.booking_status AS ENUM ('RESERVED', 'HELD', 'AWAITING_PAYMENT', 'WAITLISTED',
    'CONFIRMED', 'REJECTED', 'FAILED', 'EXPIRED', 'CANCELLED');

CREATE TABLE ticketing.users (
    name       text COLLATE "C" PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9._-]{1,64}$'),
    email      text UNIQUE,
    is_guest   boolean NOT NULL DEFAULT false,   -- nobody created it: it booked
    version    bigint NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE ticketing.shows (
    show_id       text COLLATE "C" PRIMARY KEY CHECK (show_id ~ '^[A-Za-z0-9._-]{1,64}$'),
    title         text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    venue         text CHECK (length(venue) <= 200),
    starts_at     timestamptz,
    doors_at      timestamptz,
    time_zone     text NOT NULL DEFAULT 'Asia/Jakarta' CHECK (length(time_zone) <= 64),
    amount        bigint NOT NULL CHECK (amount BETWEEN 0 AND 1000000000000),   -- a seat's price, in minor units
    currency      text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    general       boolean NOT NULL DEFAULT false,   -- general admission: seats are not chosen by name
    organizer_url text CHECK (length(organizer_url) <= 2000),
    version       bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- A seat is its row: it has one booking or none, so it cannot be sold twice.
CREATE TABLE ticketing.seats (
    seat_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    booking_id uuid,
    amount     bigint CHECK (amount BETWEEN 0 AND 1000000000000),   -- NULL: the show's price
    position   integer NOT NULL,                                    -- the order in which any-seat requests are served
    status     ticketing.seat_status NOT NULL DEFAULT 'OPEN',
    show_id    text COLLATE "C" NOT NULL REFERENCES ticketing.shows ON DELETE CASCADE,
    label      text COLLATE "C" NOT NULL CHECK (label ~ '^[A-Za-z0-9._-]{1,32}$'),
    UNIQUE (show_id, label),
    CONSTRAINT owned_unless_open CHECK ((status = 'OPEN') = (booking_id IS NULL))
) WITH (fillfactor = 45);

-- Any-seat requests take the first open ones. The status is not in the index: so taking a seat is a HOT update, and whoever
-- looks for an open one begins where it last found some (hold.c).
CREATE INDEX seats_in_order ON ticketing.seats (show_id, position);

CREATE TABLE ticketing.bookings (
    booking_id      uuid PRIMARY KEY,
    fingerprint     bigint NOT NULL,   -- of the request's content: tells a repetition from a reuse of the id
    entry_ms        bigint NOT NULL,   -- the entry that asked for it: its place in the order of arrival
    entry_seq       bigint NOT NULL,
    amount          bigint NOT NULL DEFAULT 0 CHECK (amount >= 0),
    hold_expires_at timestamptz,
    requested_at    timestamptz NOT NULL,
    closed_at       timestamptz,
    status          ticketing.booking_status NOT NULL,
    quantity        smallint NOT NULL CHECK (quantity BETWEEN 1 AND 10),
    pays_by_link    boolean NOT NULL DEFAULT false,
    user_name       text COLLATE "C" NOT NULL,
    show_id         text COLLATE "C" NOT NULL,
    currency        text NOT NULL DEFAULT 'IDR',
    seats           text[] NOT NULL DEFAULT '{}',     -- labels asked for, or given
    seat_ids        bigint[] NOT NULL DEFAULT '{}',   -- the rows in seats while it owns them
    reason          text,
    traceparent     text,
    -- Owning seats and having a status that owns seats are the same thing.
    CONSTRAINT seats_when_held CHECK ((status IN ('RESERVED', 'HELD', 'AWAITING_PAYMENT', 'CONFIRMED')) <= (cardinality(seat_ids) = quantity))
) WITH (fillfactor = 45);

CREATE TABLE ticketing.waitlist (
    show_id    text COLLATE "C" NOT NULL,
    entry_ms   bigint NOT NULL,   -- the order of the queue is the order of arrival
    entry_seq  bigint NOT NULL,
    booking_id uuid NOT NULL UNIQUE,
    PRIMARY KEY (show_id, entry_ms, entry_seq, booking_id)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON ticketing.users, ticketing.shows, ticketing.seats TO karcis_publisher;
GRANT SELECT ON ticketing.bookings TO karcis_publisher;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ticketing TO karcis_ticket;
REVOKE INSERT, UPDATE, DELETE ON ticketing.shows FROM karcis_ticket;
REVOKE INSERT, DELETE ON ticketing.seats FROM karcis_ticket;
REVOKE DELETE ON ticketing.bookings, ticketing.users FROM karcis_ticket;
GRANT SELECT ON ALL TABLES IN SCHEMA ticketing TO karcis_aggregator;
