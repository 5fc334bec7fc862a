-- What a booking and an event of the log cost to write.

-- A page of seats is filled so far that each of them can be taken and booked in its page, even when all are taken and booked by
-- two batches: n open ones (60 bytes with their pointer), then n taken and n booked ones (76 each) in 8160 bytes. With 45 %
-- one in eight did not find room and was entered in every index again. Holds for pages that are written from now on.
ALTER TABLE ticketing.seats SET (fillfactor = 38);

-- A topic's events in the order of their own times; equal times by arrival, to the millisecond. What came in the same one is
-- sorted when it is read: a few hundred at most, while each column of an index costs every event.
DROP INDEX log.events_by_time;
CREATE INDEX events_by_time ON log.events (topic, at, entry_ms);
