-- name: waitlist_list
-- $1: the show; $2 to $4: the place of the last one of the page before, or NULLs; $5: how many. The order is that of arrival. A
-- show for which nobody waits is one row of NULLs, an unknown show is none.
SELECT listed.booking_id, listed.user_name, array_to_string(listed.seats, ',') AS seats, listed.quantity, listed.requested_at,
       listed.entry_ms, listed.entry_seq, before.count + listed.number AS position
FROM ticketing.shows AS show
CROSS JOIN LATERAL (
    SELECT count(*) AS count FROM ticketing.waitlist AS w
    WHERE w.show_id = show.show_id AND (w.entry_ms, w.entry_seq, w.booking_id) <= ($2::bigint, $3::bigint, $4::uuid)
) AS before
LEFT JOIN LATERAL (
    SELECT page.booking_id, page.entry_ms, page.entry_seq, b.user_name, b.seats, b.quantity, b.requested_at,
           row_number() OVER (ORDER BY page.entry_ms, page.entry_seq, page.booking_id) AS number
    FROM (
        SELECT booking_id, entry_ms, entry_seq FROM ticketing.waitlist AS w
        WHERE w.show_id = show.show_id
          AND (w.entry_ms, w.entry_seq, w.booking_id)
              > (coalesce($2::bigint, -1), coalesce($3::bigint, 0), coalesce($4, '00000000-0000-0000-0000-000000000000'::uuid))
        ORDER BY entry_ms, entry_seq, booking_id LIMIT $5
    ) AS page
    JOIN ticketing.bookings AS b USING (booking_id)
) AS listed ON true
WHERE show.show_id = $1
ORDER BY listed.number
