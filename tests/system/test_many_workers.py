"""Many of everything at once: nothing is counted twice, every aggregator says the same, and nobody waits for each other in a
circle."""
import json
import random
import re
import threading

import pytest

from karcis import Stack, wait_until

EVENTS, BATCHES, BATCH = 3000, 200, 50


@pytest.fixture(scope="module")
def many():
    stack = Stack.start(TICKET_WORKERS=4, PAYMENT_WORKERS=4, AGGREGATORS=3, BATCH=BATCH)
    yield stack
    stack.end()


def event(event_id, topic="sensor"):
    return {"topic": topic, "event_id": event_id, "timestamp": "2026-05-17T10:00:00Z", "source": "test", "payload": "{}"}


def publish(stack, ids, batch=100):
    """Events of these ids, one entry each."""
    client = stack.redis.client()
    for at in range(0, len(ids), batch):
        with client.pipeline(transaction=False) as pipe:
            for event_id in ids[at:at + batch]:
                pipe.xadd("events", event(event_id))
            pipe.execute()
    client.close()


def together(*calls):
    threads = [threading.Thread(target=call[0], args=call[1:]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def counts(stack, name):
    """What one aggregator counts; what only it can know is left out."""
    status, body = stack.http("GET", stack.port(name), "/stats")
    assert status == 200
    said = json.loads(body)
    return {key: said[key] for key in ("received", "unique_processed", "duplicate_dropped", "rejected", "topics", "dead_letters",
                                       "bookings", "payments")}


def test_four_workers_of_a_step_and_three_aggregators_count_exactly_and_agree(many, tell):
    show = many.show(seats=1000)
    seats = list(many.seats(show))
    ids = [f"event-{n}" for n in range(EVENTS)]
    again = random.Random(7).sample(ids, EVENTS // 3)
    bookings = []

    def book():
        for at in range(0, 1000, 50):
            with many.redis.pipeline(transaction=False) as pipe:
                bookings.extend(many.book(show, seat, pipe=pipe) for seat in seats[at:at + 50])
                for booking, seat in list(zip(bookings, seats))[at:at + 10]:  # a publisher that is not sure
                    many.book(show, seat, booking_id=booking, pipe=pipe)
                pipe.execute()

    together((publish, many, ids), (publish, many, again), (publish, many, again[::-1]), (book,))
    many.wait_drained(timeout=60)
    many.check_at_rest()
    expected = {"sensor": EVENTS, "booking.requested": 1200, "seat.held": 1000, "invoice.created": 1000, "payment.done": 1000,
                "booking.closed": 1000}
    stored = many.one("SELECT count(*) FROM log.events WHERE topic = 'sensor'")
    repeated = many.one("SELECT count(*) FROM log.duplicates WHERE topic = 'sensor'")
    assert (stored, repeated) == (EVENTS, 2 * len(again))
    names = many.workers("aggregator")
    assert len(names) == 3 and all("event=" in many.log(name) for name in many.workers("ticket-worker") + many.workers("payment-worker"))

    def agree():
        said = [counts(many, name) for name in names]
        assert said[0] == said[1] == said[2], said
        return said[0]["received"] == many.entries_added() and said[0]
    said = wait_until(agree, "all aggregators have counted everything", timeout=30)
    assert said["received"] == said["unique_processed"] + said["duplicate_dropped"] + said["rejected"]
    assert said["topics"] == expected
    assert said["bookings"] == {"CONFIRMED": 1000} and said["payments"] == {"SUCCEEDED": 1000} and said["dead_letters"] == 0
    assert said["duplicate_dropped"] >= 2 * len(again)
    tell(f"{said['received']} received, {said['duplicate_dropped']} of them again")


def test_the_same_events_in_opposite_order_from_two_clients_deadlock_nobody(many):
    """Three recorders insert the same keys at the same time, each batch once in order and once in reverse."""
    before = {name: len(many.log(name)) for name in many.names()}
    batches = [[f"key-{n}-{k}" for k in range(BATCH)] for n in range(BATCHES)]
    both = threading.Barrier(2)

    def client(direction):
        for batch in batches:
            both.wait()
            publish(many, batch[::direction], batch=BATCH)

    together((client, 1), (client, -1))
    many.wait_drained(timeout=60)
    many.check_at_rest()
    assert many.one("SELECT count(*) FROM log.events WHERE event_id LIKE 'key-%%'") == BATCHES * BATCH
    assert many.one("SELECT count(*) FROM log.duplicates WHERE event_id LIKE 'key-%%'") == BATCHES * BATCH
    for name in many.names():
        said = many.log(name)[before[name]:]
        assert "deadlock" not in said and "level=error" not in said, said[-2000:]
        errors = set(re.findall(r"ERROR: +(.*)", said))
        assert errors <= {'duplicate key value violates unique constraint "events_pkey"'}, "two recorders met: one begins again"
