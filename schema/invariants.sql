-- invariants: what must never be otherwise. Prints one line "rule|violations" for each rule, all 0 when all is well:
--
--     psql -At -f schema/invariants.sql "$DATABASE_URL"              when everything has drained
--     psql -At -v live=1 -f schema/invariants.sql "$DATABASE_URL"    at any time: only the rules that every snapshot obeys
--
-- It counts what foreign keys would refuse (hot tables have none), what no constraint can say across tables, and whether
-- owners who never read each other's tables still agree. Each rule has its mutant in tests/system/test_invariants.py.

-- ---- at any time: one statement, so one snapshot ----
WITH
held AS MATERIALIZED ( -- each seat that a booking lists as its own
    SELECT booking_id, status, show_id, listed.label, listed.seat_id
    FROM ticketing.bookings CROSS JOIN LATERAL unnest(seats, seat_ids) AS listed(label, seat_id)
    WHERE seat_ids <> '{}'),
money AS MATERIALIZED ( -- each charged invoice's payments
    SELECT booking_id,
           count(*) FILTER (WHERE status = 'SUCCEEDED') AS succeeded,
           count(*) FILTER (WHERE status = 'FAILED') AS failed,
           count(*) FILTER (WHERE status = 'REFUNDED') AS refunded
    FROM payment.payments GROUP BY booking_id),
counted AS ( -- what the counters say
    SELECT topic, sum(unique_processed) AS unique_processed, sum(duplicate_dropped) AS duplicate_dropped,
           sum(conflicts) AS conflicts
    FROM log.counters GROUP BY topic),
logged AS (SELECT topic, count(*) AS unique_processed FROM log.events GROUP BY topic),
repeated AS (
    SELECT topic, count(*) AS duplicate_dropped, count(*) FILTER (WHERE is_conflict) AS conflicts
    FROM log.duplicates GROUP BY topic)

-- Seats and their bookings: each says the same of the other.
SELECT 'seat_owned_by_a_booking_that_does_not_list_it', count(*)
FROM ticketing.seats AS seat LEFT JOIN held USING (seat_id, booking_id)
WHERE seat.booking_id IS NOT NULL AND held.status IS NULL
UNION ALL
SELECT 'booking_lists_a_seat_it_does_not_own', count(*) -- or one of another show, or under another label
FROM held LEFT JOIN ticketing.seats AS seat USING (seat_id, booking_id, show_id, label)
WHERE seat.status IS NULL
UNION ALL
SELECT 'seat_and_booking_statuses_disagree', count(*)
FROM ticketing.seats AS seat JOIN held USING (seat_id, booking_id)
WHERE seat.status <> CASE WHEN held.status IN ('RESERVED', 'HELD', 'AWAITING_PAYMENT') THEN 'ON_GOING'
                          WHEN held.status = 'CONFIRMED' THEN 'BOOKED' ELSE 'OPEN' END::ticketing.seat_status
UNION ALL
SELECT 'seat_listed_twice', count(*) FROM (SELECT FROM held GROUP BY seat_id HAVING count(*) > 1) AS seat
UNION ALL
SELECT 'booking_holds_another_number_of_seats', count(*)
FROM ticketing.bookings
WHERE status IN ('RESERVED', 'HELD', 'AWAITING_PAYMENT', 'CONFIRMED')
  AND (cardinality(seat_ids) <> quantity OR cardinality(seats) <> quantity)
UNION ALL
SELECT 'booking_keeps_seats_without_right', count(*)
FROM ticketing.bookings
WHERE status NOT IN ('RESERVED', 'HELD', 'AWAITING_PAYMENT', 'CONFIRMED') AND seat_ids <> '{}'
UNION ALL
SELECT 'booking_amount_is_not_its_seats_prices', count(*) -- where prices were never changed
FROM (SELECT booking.booking_id
      FROM held JOIN ticketing.bookings AS booking USING (booking_id)
                JOIN ticketing.shows AS show ON show.show_id = booking.show_id AND show.version = 1
                JOIN ticketing.seats AS seat ON seat.seat_id = held.seat_id
      GROUP BY booking.booking_id, show.currency
      HAVING booking.amount <> sum(coalesce(seat.amount, show.amount)) OR booking.currency <> show.currency) AS booking

-- Bookings for themselves.
UNION ALL
SELECT 'closed_at_and_status_disagree', count(*)
FROM ticketing.bookings
WHERE (closed_at IS NOT NULL) <> (status IN ('CONFIRMED', 'REJECTED', 'FAILED', 'EXPIRED', 'CANCELLED'))
UNION ALL
SELECT 'refused_without_reason', count(*) FROM ticketing.bookings WHERE status IN ('REJECTED', 'FAILED') AND reason IS NULL
UNION ALL
SELECT 'two_bookings_of_one_entry', count(*)
FROM (SELECT FROM ticketing.bookings GROUP BY entry_ms, entry_seq HAVING count(*) > 1) AS entry
UNION ALL
SELECT 'waitlist_and_status_disagree', count(*) -- also: waits in another show or at another place
FROM (SELECT * FROM ticketing.bookings WHERE status = 'WAITLISTED') AS booking
FULL JOIN ticketing.waitlist USING (booking_id, show_id, entry_ms, entry_seq)
WHERE booking.status IS NULL OR waitlist.ctid IS NULL
UNION ALL
SELECT 'waits_for_what_is_not_there', count(*) -- the catalog took a show or a seat away that somebody waits for
FROM ticketing.bookings AS booking
WHERE status = 'WAITLISTED'
  AND (NOT EXISTS (SELECT FROM ticketing.shows WHERE show_id = booking.show_id)
       OR EXISTS (SELECT FROM unnest(booking.seats) AS wanted(label)
                  WHERE NOT EXISTS (SELECT FROM ticketing.seats WHERE show_id = booking.show_id AND label = wanted.label)))

-- Money.
UNION ALL
SELECT 'invoice_without_booking', count(*)
FROM payment.invoices LEFT JOIN ticketing.bookings AS booking USING (booking_id) WHERE booking.status IS NULL
UNION ALL
SELECT 'invoice_amount_is_not_the_bookings', count(*)
FROM payment.invoices AS invoice JOIN ticketing.bookings AS booking USING (booking_id)
WHERE (invoice.amount, invoice.currency) <> (booking.amount, booking.currency)
UNION ALL
SELECT 'invoice_due_after_the_hold', count(*)
FROM payment.invoices AS invoice JOIN ticketing.bookings AS booking USING (booking_id)
WHERE invoice.due_at >= booking.hold_expires_at
UNION ALL
SELECT 'payment_without_invoice', count(*)
FROM payment.payments LEFT JOIN payment.invoices AS invoice USING (booking_id, invoice_no) WHERE invoice.status IS NULL
UNION ALL
SELECT 'payment_amount_is_not_the_invoices', count(*)
FROM payment.payments AS payment JOIN payment.invoices AS invoice USING (booking_id)
WHERE (payment.amount, payment.currency) <> (invoice.amount, invoice.currency)
UNION ALL
SELECT 'paid_twice', count(*) FROM money WHERE succeeded + refunded > 1
UNION ALL
SELECT 'invoice_and_payment_statuses_disagree', count(*)
FROM payment.invoices AS invoice LEFT JOIN money USING (booking_id)
WHERE (invoice.status = 'PAID') <> (coalesce(money.succeeded, 0) > 0)
   OR (invoice.status = 'FAILED' AND coalesce(money.failed, 0) = 0)
   OR (invoice.status = 'REFUNDED') <> (coalesce(money.refunded, 0) > 0)
UNION ALL
SELECT 'confirmed_without_paid_invoice', count(*)
FROM ticketing.bookings AS booking LEFT JOIN payment.invoices AS invoice USING (booking_id)
WHERE booking.status = 'CONFIRMED' AND invoice.status IS DISTINCT FROM 'PAID'
UNION ALL
SELECT 'payment_failed_without_failed_payment', count(*)
FROM ticketing.bookings AS booking LEFT JOIN money USING (booking_id)
WHERE booking.status = 'FAILED' AND booking.reason = 'payment_failed' AND coalesce(money.failed, 0) = 0

-- The log and its counters, which one transaction writes.
UNION ALL
SELECT 'counted_events_are_not_the_logged', count(*)
FROM counted FULL JOIN logged USING (topic)
WHERE coalesce(counted.unique_processed, 0) <> coalesce(logged.unique_processed, 0)
UNION ALL
SELECT 'counted_duplicates_are_not_the_logged', count(*)
FROM counted FULL JOIN repeated USING (topic)
WHERE coalesce(counted.duplicate_dropped, 0) <> coalesce(repeated.duplicate_dropped, 0)
   OR coalesce(counted.conflicts, 0) <> coalesce(repeated.conflicts, 0)
UNION ALL
SELECT 'counted_rejections_are_not_the_logged',
       abs((SELECT coalesce(sum(rejected), 0) FROM log.counters) - (SELECT count(*) FROM log.rejected))
UNION ALL
SELECT 'entry_logged_twice', count(*)
FROM (SELECT FROM (SELECT stream, entry_ms, entry_seq FROM log.events
                   UNION ALL SELECT stream, entry_ms, entry_seq FROM log.duplicates
                   UNION ALL SELECT stream, entry_ms, entry_seq FROM log.rejected) AS entry
      GROUP BY stream, entry_ms, entry_seq HAVING count(*) > 1) AS entry;

\if :{?live}
    \quit
\endif

-- ---- at rest: every entry of every stream has been worked off ----
WITH
followed AS ( -- what must have been said of each booking
    SELECT booking_id, entry_ms, entry_seq, fact.topic, booking_id || ':' || fact.what AS event_id
    FROM ticketing.bookings AS booking CROSS JOIN LATERAL (VALUES
        ('booking.closed', CASE WHEN closed_at IS NOT NULL THEN lower(status::text) END),
        ('seat.held', CASE WHEN status IN ('HELD', 'AWAITING_PAYMENT', 'CONFIRMED') OR reason = 'payment_failed' THEN 'held' END),
        ('invoice.created', CASE WHEN status IN ('AWAITING_PAYMENT', 'CONFIRMED') OR reason = 'payment_failed' THEN 'invoiced' END),
        ('payment.done', CASE WHEN status = 'CONFIRMED' OR reason = 'payment_failed' THEN 'paid' END)) AS fact(topic, what)
    WHERE fact.what IS NOT NULL),
is_recorded AS (SELECT EXISTS (SELECT FROM log.counters) AS yes) -- a stack without aggregators has no log

SELECT 'unfinished_booking', count(*)
FROM ticketing.bookings WHERE status IN ('RESERVED', 'HELD') OR (status = 'AWAITING_PAYMENT' AND NOT pays_by_link)
UNION ALL
SELECT 'awaits_payment_without_open_invoice', count(*)
FROM ticketing.bookings AS booking LEFT JOIN payment.invoices AS invoice USING (booking_id)
WHERE booking.status = 'AWAITING_PAYMENT' AND invoice.status IS DISTINCT FROM 'OPEN'
UNION ALL
SELECT 'open_invoice_of_a_closed_booking', count(*)
FROM payment.invoices AS invoice JOIN ticketing.bookings AS booking USING (booking_id)
WHERE invoice.status = 'OPEN' AND booking.closed_at IS NOT NULL
UNION ALL
SELECT 'money_kept_without_seats', count(*)
FROM payment.payments AS payment LEFT JOIN ticketing.bookings AS booking USING (booking_id)
WHERE payment.status = 'SUCCEEDED' AND booking.status IS DISTINCT FROM 'CONFIRMED'
UNION ALL
SELECT 'unfinished_payment', count(*) FROM payment.payments WHERE status = 'PENDING'
UNION ALL
SELECT 'fact_missing_in_the_log', count(*)
FROM followed LEFT JOIN log.events AS event USING (topic, event_id), is_recorded
WHERE is_recorded.yes AND event.stream IS NULL
UNION ALL
SELECT 'request_missing_in_the_log', count(*) -- stream 0 is booking.requested; an event_id may have come twice, or a field be no text
FROM ticketing.bookings AS booking, is_recorded
WHERE is_recorded.yes
  AND NOT EXISTS (SELECT FROM log.events WHERE stream = 0 AND (entry_ms, entry_seq) = (booking.entry_ms, booking.entry_seq))
  AND NOT EXISTS (SELECT FROM log.duplicates WHERE stream = 0 AND (entry_ms, entry_seq) = (booking.entry_ms, booking.entry_seq))
  AND NOT EXISTS (SELECT FROM log.rejected WHERE stream = 0 AND (entry_ms, entry_seq) = (booking.entry_ms, booking.entry_seq))
UNION ALL
SELECT 'two_endings_in_the_log', count(*)
FROM (SELECT FROM log.events
      WHERE topic = 'booking.closed' AND event_id ~ '^[0-9a-f-]{36}:(confirmed|rejected|failed|expired)$'
      GROUP BY left(event_id, 36) HAVING count(*) > 1) AS booking;
