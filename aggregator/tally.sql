-- Counting rows by status reads them all: the status is in no index, so that booking stays cheap. Hence a connection of its
-- own, and not more often than tally.c says. Not GROUP BY: our sessions are told to avoid reading whole tables
-- (common/store.c), and for one who must the planner then sorts them, too.

-- name: tally_bookings
SELECT counted.status, counted.count
FROM (
    SELECT count(*) FILTER (WHERE status = 'CONFIRMED') AS confirmed, count(*) FILTER (WHERE status = 'REJECTED') AS rejected,
           count(*) FILTER (WHERE status = 'FAILED') AS failed, count(*) FILTER (WHERE status = 'EXPIRED') AS expired,
           count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled, count(*) FILTER (WHERE status = 'WAITLISTED') AS waitlisted,
           count(*) FILTER (WHERE status = 'RESERVED') AS reserved, count(*) FILTER (WHERE status = 'HELD') AS held,
           count(*) FILTER (WHERE status = 'AWAITING_PAYMENT') AS awaiting
    FROM ticketing.bookings
) AS every,
LATERAL (VALUES ('RESERVED', reserved), ('HELD', held), ('AWAITING_PAYMENT', awaiting), ('WAITLISTED', waitlisted),
                ('CONFIRMED', confirmed), ('REJECTED', rejected), ('FAILED', failed), ('EXPIRED', expired),
                ('CANCELLED', cancelled)) AS counted(status, count)
WHERE counted.count > 0

-- name: tally_payments
SELECT counted.status, counted.count
FROM (
    SELECT count(*) FILTER (WHERE status = 'PENDING') AS pending, count(*) FILTER (WHERE status = 'SUCCEEDED') AS succeeded,
           count(*) FILTER (WHERE status = 'FAILED') AS failed, count(*) FILTER (WHERE status = 'REFUNDED') AS refunded
    FROM payment.payments
) AS every,
LATERAL (VALUES ('PENDING', pending), ('SUCCEEDED', succeeded), ('FAILED', failed), ('REFUNDED', refunded))
    AS counted(status, count)
WHERE counted.count > 0
