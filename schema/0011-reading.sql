-- What the read side finds bookings by. Nothing in these indexes changes while a booking lives, so an update of the booking
-- stays in its page (HOT).

-- A user's bookings, newest first.
CREATE INDEX bookings_by_user ON ticketing.bookings (user_name, entry_ms, entry_seq);

-- The bookings of a show that have ever had seats: a seat's history. Those who wait or were rejected are not in it.
CREATE INDEX bookings_by_show ON ticketing.bookings (show_id) WHERE hold_expires_at IS NOT NULL;

-- The day on which something is, where it is. A time zone that PostgreSQL does not know (whoever made the show chose it) is
-- taken for UTC, so that one bad show does not hide the others.
CREATE FUNCTION karcis.day_at(at timestamptz, zone text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN to_char(at AT TIME ZONE zone, 'YYYY-MM-DD');
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD');
END $$;
