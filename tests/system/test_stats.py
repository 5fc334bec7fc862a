"""GET /stats against what Redis and PostgreSQL themselves say."""
import re
import threading
import time

import pytest

from karcis import ROOT, STREAMS, new_id, wait_until
from window import Window, at


def said(stack, name="aggregator-1"):
    return Window(stack, name).get("/stats")[1]


def settled(stack, name="aggregator-1"):
    """What /stats says of a moment when nothing was under way, not of one before."""
    stack.wait_drained()
    drained = time.time()

    def is_of_now():
        stats = said(stack, name)
        assert at(stats["bookings_counted_at"]).timestamp() >= drained
        return stats
    return wait_until(is_of_now, "the statistics are of now")


def busy(stack):
    """Bookings that end in each way, a repetition, and an event of somebody's."""
    show = stack.show(seats=20)
    bookings = [stack.book(show, seat, user=user)
                for seat, user in (("001", "ayu"), ("002", "ayu"), ("003", "ayu"), ("001", "budi"), ("099", "ayu"))]
    stack.xadd({"user": "ayu"})
    for _ in range(2):
        stack.xadd({"topic": "orders", "event_id": new_id()[:4], "timestamp": "2026-11-21T10:00:00Z", "source": "test", "payload": "{}"}, "events")
    same = {"topic": "orders", "event_id": new_id(), "timestamp": "2026-11-21T10:00:00Z", "source": "test"}
    for payload in ("{}", "{}", '{"a":1}'):
        stack.xadd({**same, "payload": payload}, "events")
    stack.xadd({**same, "timestamp": "never", "payload": "{}"}, "events")
    for booking, status in zip(bookings, ("CONFIRMED", "CONFIRMED", "CONFIRMED", "WAITLISTED", "REJECTED")):
        stack.wait_for(booking, status)
    with stack.restarted("payment-worker-1", PAYMENT_FAILURE_RATE=1):
        stack.wait_for(stack.book(show, "005"), "FAILED")
    stack.wait_drained()


def test_every_key_is_what_the_store_and_redis_count(stack):
    busy(stack)
    stats = settled(stack)
    unique, duplicate, conflicts, rejected, redelivered = stack.one(
        "SELECT (SELECT count(*) FROM log.events), (SELECT count(*) FROM log.duplicates), (SELECT count(*) FROM log.duplicates WHERE is_conflict), "
        "(SELECT count(*) FROM log.rejected), (SELECT sum(redelivered)::bigint FROM log.counters)")
    assert [stats[key] for key in ("unique_processed", "duplicate_dropped", "conflicts", "rejected", "redelivered")] == [
        unique, duplicate, conflicts, rejected, redelivered]
    assert stats["received"] == unique + duplicate + rejected == stack.entries_added()
    assert conflicts >= 1 and rejected >= 1 and duplicate >= 2
    assert stats["topics"] == dict(stack.rows("SELECT topic, count(*) FROM log.events GROUP BY topic"))
    assert sum(stats["topics"].values()) == stats["unique_processed"]
    assert stats["bookings"] == dict(stack.rows("SELECT status::text, count(*) FROM ticketing.bookings GROUP BY status"))
    assert stats["payments"] == dict(stack.rows("SELECT status::text, count(*) FROM payment.payments GROUP BY status"))
    assert {"CONFIRMED", "FAILED", "WAITLISTED", "REJECTED"} <= set(stats["bookings"]) and {"SUCCEEDED", "FAILED"} <= set(stats["payments"])
    assert stats["dead_letters"] == stack.one("SELECT count(*) FROM log.dead_letters WHERE replayed_at IS NULL") >= 1
    assert stats["organizer"] == {"asked": 0, "refused": 0} and stats["deliveries"] == {"owed": 0, "delivered": 0, "given_up": 0}
    assert stats["duplicate_rate"] == round(stats["duplicate_dropped"] / stats["received"], 4) > 0


def test_streams_and_groups_are_as_redis_itself_says(stack):
    busy(stack)
    stack.redis.xgroup_create("booking.closed", "mine", "0")
    try:
        stack.redis.xreadgroup("mine", "me", {"booking.closed": ">"}, count=1)
        stack.wait_for(stack.book(stack.show("A1"), "A1"), "CONFIRMED")
        wait_until(lambda: set(stack.backlog()) == {"booking.closed/mine"}, "only my group has something left to do")
        time.sleep(0.05)
        asked = time.time()

        def are_as_redis_says():  # soon: housekeeping may remove a consumer between the two
            stats = said(stack)
            assert at(stats["bookings_counted_at"]).timestamp() >= asked
            streams = stats["streams"]
            for stream in (*STREAMS, "dead"):
                assert streams[stream]["length"] == stack.redis.xlen(stream), stream
                groups = {group["name"]: group for group in stack.redis.xinfo_groups(stream)} if stack.redis.exists(stream) else {}
                assert set(streams[stream]["groups"]) == set(groups), stream
                for name, group in groups.items():
                    shown = streams[stream]["groups"][name]
                    assert (shown["pending"], shown["consumers"]) == (group["pending"], group["consumers"]), (stream, name)
                    unread = len(stack.redis.xrange(stream, f"({group['last-delivered-id']}"))
                    assert shown["lag"] == unread, (stream, name)
            return streams
        streams = wait_until(are_as_redis_says, "the statistics are as Redis says")
        mine = streams["booking.closed"]["groups"]["mine"]
        assert mine["pending"] == 1 and mine["lag"] >= 1 and mine["oldest_pending_ms"] >= 50
    finally:
        stack.redis.xgroup_destroy("booking.closed", "mine")


def test_statuses_that_may_be_are_all_counted(stack):
    """The tally names each status: one that is added to the schema must be added there."""
    with open(f"{ROOT}/aggregator/tally.sql") as file:
        bookings, payments = file.read().split("-- name: tally_payments")
    for text, kind in ((bookings, "ticketing.booking_status"), (payments, "payment.payment_status")):
        known = {status for status, in stack.rows(f"SELECT unnest(enum_range(NULL::{kind}))::text")}
        assert set(re.findall(r"status = '(\w+)'", text)) == set(re.findall(r"\('(\w+)', ", text)) == known


def test_counters_outlive_a_restart_and_the_uptime_begins_again(stack):
    busy(stack)
    before = settled(stack)
    later = settled(stack)
    assert later["uptime_seconds"] > before["uptime_seconds"] > 0
    ended = time.monotonic()
    stack.terminate("aggregator-1")
    stack.wait_ready("aggregator-1")
    after = settled(stack)
    assert after["uptime_seconds"] < time.monotonic() - ended
    for key in ("received", "unique_processed", "duplicate_dropped", "conflicts", "rejected", "topics", "bookings", "payments", "dead_letters",
                "latency_ms"):
        assert after[key] == later[key], key


def test_every_aggregator_says_the_same(own_stack):
    stack = own_stack(AGGREGATORS=3)
    busy(stack)
    answers = [settled(stack, name) for name in stack.workers("aggregator")]
    assert len(answers) == 3
    for stats in answers:
        for own in ("uptime_seconds", "throughput", "bookings_counted_at"):
            del stats[own]
    assert answers[0] == answers[1] == answers[2]


def test_throughput_and_latency_agree_with_what_a_client_sees(own_stack):
    """On a stack of its own: latencies are those of all events ever."""
    stack = own_stack()
    show, count = stack.show(seats=300), 300
    seats = list(stack.seats(show))
    before = settled(stack)
    began = time.monotonic()
    for seat in seats:
        booking = stack.book(show, seat)
    stack.wait_for(booking, "CONFIRMED", timeout=30)
    stack.wait_drained()
    took = time.monotonic() - began
    stats = settled(stack)
    events = stats["received"] - before["received"]
    assert events == 5 * count
    assert 0 < stats["throughput"]["events_per_second_10s"] <= 2 * events / min(took, 10) + 100
    for latency in stats["latency_ms"].values():
        assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
        assert latency["p50"] <= took * 1000 * 1.2


def test_events_of_the_first_second_after_a_start_count_in_the_throughput(stack):
    stack.terminate("aggregator-1")
    stack.wait_ready("aggregator-1")
    before = said(stack)
    for _ in range(50):
        stack.xadd({"topic": "orders", "event_id": new_id(), "timestamp": "2026-11-21T10:00:00Z", "source": "test", "payload": "{}"}, "events")

    def has_all():
        stats = said(stack)
        assert stats["received"] == before["received"] + 50
        return stats
    assert wait_until(has_all, "the statistics are of all events")["throughput"]["events_per_second_10s"] > 0


def test_statistics_are_answered_at_once_while_bookings_come_in(stack, tell):
    show = stack.show(seats=1500)
    pipe = stack.redis.pipeline(transaction=False)
    stopped = threading.Event()

    def book():
        for n, seat in enumerate(list(stack.seats(show))):
            stack.book(show, seat, pipe=pipe)
            if n % 50 == 49:
                pipe.execute()
            if stopped.wait(0.0005):
                return
    said(stack)
    thread = threading.Thread(target=book)
    thread.start()
    took = []
    try:
        while thread.is_alive():
            began = time.monotonic()
            said(stack)
            took.append(time.monotonic() - began)
            time.sleep(0.01)
    finally:
        stopped.set()
        thread.join()
        pipe.execute()
    stack.wait_drained(60)
    took.sort()
    tell(f"GET /stats {len(took)} times: p50 {took[len(took) // 2] * 1000:.1f} ms, p99 {took[len(took) * 99 // 100] * 1000:.1f} ms")
    assert took[len(took) // 2] < 0.1


@pytest.mark.parametrize("general", [False, True])
def test_the_seats_that_are_left_are_counted_within_a_second_of_a_booking(stack, general):
    window = Window(stack)
    show = stack.show(seats=5, general=general)
    booking = stack.book(show, **({"quantity": 1} if general else {})) if general else stack.book(show, "001")
    stack.wait_for(booking, "CONFIRMED")
    found = window.get(f"/shows/{show}")[1]
    assert (found["open"], found["booked"]) == (4, 1)
