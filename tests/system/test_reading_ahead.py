"""record reads the next entries while the store works on a full batch. What it has read ahead is pending like everything else
that it has in hand: whatever becomes of the batch or of the program, somebody records it, once."""
import contextlib
import time

import psycopg2
import pytest

from karcis import new_id, wait_until
from outages import killed

BATCH = 20
AHEAD = 2 * BATCH  # one read under way in the store, one behind it
MOST = 5 * BATCH  # what was put back makes a larger batch (batch_factor of record), and one read behind it


@contextlib.contextmanager
def held_up(stack):
    """Nobody can store events for a while."""
    with contextlib.closing(psycopg2.connect(stack.env["DATABASE_URL"])) as holder:
        holder.cursor().execute("LOCK TABLE log.events IN SHARE MODE")
        yield


@pytest.fixture
def pair(two):
    """Two aggregators; the second one is the victim. It is not there afterwards."""
    victim = two.add("aggregator", BATCH=BATCH)
    yield two, victim
    if victim in two.workers("aggregator"):
        two.remove(victim)


def publish(stack, count):
    """The topic under which so many events were published."""
    topic, pipe = f"ahead.{new_id()[:8]}", stack.redis.pipeline()
    for n in range(count):
        pipe.xadd("events", {"topic": topic, "event_id": f"{topic}-{n}", "timestamp": "2026-11-21T10:00:00Z", "source": "test",
                             "payload": "{}"})
    pipe.execute()
    return topic


def in_hand(stack, name):
    return stack.pending("events", "record").get(stack.consumer(name), 0)


def all_is_in_the_hands_of(stack, name, count):
    """So much at least, and nobody else has anything, who was there before or is."""
    pending = stack.pending("events", "record")
    return set(pending) == {stack.consumer(name)} and sum(pending.values()) >= count


def all_are_recorded(stack, topic, count):
    def recorded():
        found = stack.one("SELECT count(*) FROM log.events WHERE topic = %s", topic)
        assert found == count, f"{found} of {count}"
        return True
    wait_until(recorded, "all are recorded", timeout=30)
    wait_until(lambda: not stack.pending("events", "record"), "nothing is pending")


def read_ahead(stack, *names):
    """Publishes more than they may have in hand; the topic, once each of them has all that it may have."""
    topic = publish(stack, 10 * BATCH)
    wait_until(lambda: all(in_hand(stack, name) == AHEAD for name in names), "they have read ahead")
    return topic


def test_one_read_ahead_and_no_more_and_none_is_lost_when_the_batch_fails(pair):
    stack, victim = pair
    with held_up(stack):
        topic = read_ahead(stack, "aggregator-1", victim)
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            assert in_hand(stack, victim) == AHEAD, "although more is there to be read"

        def conflicts():
            _, text = stack.http("GET", stack.port(victim), "/metrics")
            return b'karcis_step_conflicts_total{step="record"} 0' not in text and b"karcis_step_conflicts_total" in text
        wait_until(conflicts, "the store has given the batch back", timeout=20)
        assert AHEAD <= in_hand(stack, victim) <= MOST
    all_are_recorded(stack, topic, 10 * BATCH)


def test_what_a_killed_aggregator_has_read_ahead_is_taken_over(pair):
    stack, victim = pair
    with held_up(stack):
        topic = read_ahead(stack, "aggregator-1", victim)
        with killed(stack, victim):
            wait_until(lambda: all_is_in_the_hands_of(stack, "aggregator-1", 2 * AHEAD), "the other one has it")
    all_are_recorded(stack, topic, 10 * BATCH)


def test_what_a_leaving_aggregator_has_read_ahead_is_handed_back(pair):
    stack, victim = pair
    with held_up(stack):
        topic = read_ahead(stack, "aggregator-1", victim)
        stack.remove(victim)
        wait_until(lambda: all_is_in_the_hands_of(stack, "aggregator-1", 2 * AHEAD), "the other one has it")
    all_are_recorded(stack, topic, 10 * BATCH)


def test_what_was_read_ahead_is_recorded_once_when_redis_is_lost(pair):
    stack, victim = pair
    with held_up(stack):
        topic = read_ahead(stack, "aggregator-1", victim)
        with killed(stack, "redis"):
            pass
    all_are_recorded(stack, topic, 10 * BATCH)
