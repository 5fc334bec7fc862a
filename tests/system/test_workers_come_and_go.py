"""Workers are added, removed and killed under load. What a dead one had in hand is taken over in time, what a living one is
working on is left to it, and of those that are gone nothing remains."""
import contextlib
import time

import psycopg2
import pytest

from karcis import GROUPS, STREAMS, Stack, wait_until
from load import SteadyLoad
from outages import programs

TAKE_OVER_S = 5


def consumers(stack):
    """{consumer: entries that it has in hand} of all groups."""
    found = {}
    for stream in STREAMS:
        if stack.redis.exists(stream):
            for group in stack.redis.xinfo_groups(stream):
                for consumer in stack.redis.xinfo_consumers(stream, group["name"]):
                    found[consumer["name"]] = found.get(consumer["name"], 0) + consumer["pending"]
    return found


def living(stack):
    return {stack.consumer(name) for name in programs(stack)}


def longest_wait_s(stack, show):
    """From a booking's request to its end."""
    return float(stack.one("SELECT extract(epoch FROM max(closed_at - requested_at)) FROM ticketing.bookings WHERE show_id = %s", show))


@pytest.fixture(scope="module")
def scaled():
    """Workers of each kind went from 1 to 6 and back to 2 under load, with kills. (the stack, the load, who was killed)"""
    stack = Stack.start()
    try:
        killed = []
        with SteadyLoad(stack, per_second=150) as load:
            added = [stack.add(kind) for kind in ("ticket-worker", "payment-worker") * 5]
            for name in added:
                killed.append(stack.consumer(name))
                stack.kill(name)
            for name in added:
                stack.wait_ready(name)
                if not name.endswith("-2"):
                    stack.remove(name)
            load.recovery_s(time.monotonic())
        yield stack, load, killed
    finally:
        stack.end()


def test_workers_scaled_up_and_down_under_load_and_killed_lose_nothing(scaled, tell):
    stack, load, killed = scaled
    load.check()
    stack.check_at_rest()
    assert len(stack.workers("ticket-worker")) == len(stack.workers("payment-worker")) == 2
    longest = longest_wait_s(stack, load.show)
    assert longest < 2 * TAKE_OVER_S, "no booking waits for longer than it takes to take over what two in turn had in hand"
    tell(f"{len(killed)} killed; the longest wait from request to end {longest:.1f} s; {load.summary()}")


def test_of_workers_that_are_gone_nothing_remains(scaled):
    stack, _, killed = scaled
    assert not set(killed) & living(stack)

    def only_the_living_remain():
        left = consumers(stack).keys() - living(stack)
        assert not left, f"{len(left)} are left"
        return True
    wait_until(only_the_living_remain, "the dead are removed", timeout=20)


def test_workers_killed_again_and_again_are_taken_over_in_time(two, tell):
    """Each time the one that has something in hand."""
    slowest = 0
    with SteadyLoad(two) as load:
        for kind, stream, group in [("ticket-worker", "booking.requested", "hold"), ("payment-worker", "seat.held", "invoice"),
                                    ("ticket-worker", "payment.done", "settle"), ("payment-worker", "invoice.created", "charge")]:
            def at_work():
                pending = two.pending(stream, group)
                return next((name for name in two.workers(kind) if pending.get(two.consumer(name))), None)
            victim = wait_until(at_work, f"a {kind} has something of {stream} in hand")
            consumer = two.consumer(victim)
            two.kill(victim)
            started = time.monotonic()
            wait_until(lambda: not two.pending(stream, group).get(consumer), "its entries are taken over", timeout=TAKE_OVER_S)
            load.recovery_s(started, within=TAKE_OVER_S)
            slowest = max(slowest, time.monotonic() - started)
            two.wait_ready(victim)
    load.check()
    tell(f"at most {slowest:.2f} s")


@contextlib.contextmanager
def locked(stack, sql, *values):
    """Rows that somebody outside has locked."""
    connection = psycopg2.connect(stack.env["DATABASE_URL"])
    try:
        connection.cursor().execute(f"{sql} FOR UPDATE", values)
        yield
    finally:
        connection.close()


def owner(stack, stream, group):
    """Who has its one pending entry in hand, and how often it was handed out."""
    (entry,) = stack.redis.xpending_range(stream, group, "-", "+", 10)
    return entry["consumer"], entry["times_delivered"]


def taken_over(stack):
    return sum(stack.log(name).count("entries taken over") for name in stack.workers("ticket-worker"))


@pytest.mark.parametrize("stream, group", [("booking.requested", "hold"), ("payment.done", "settle")])
def test_a_slow_worker_that_lives_keeps_its_entries(two, stream, group):
    """Its statement waits for a row that somebody else has locked, for longer than the dead are given."""
    assert group in GROUPS[stream]
    show = two.show("A1")
    before = taken_over(two)
    if group == "hold":
        booking = None
        rows = "SELECT FROM ticketing.seats WHERE show_id = %s", show
    else:
        booking = two.book(show, "A1", payment="link")
        two.wait_for(booking, "AWAITING_PAYMENT")
        rows = "SELECT FROM ticketing.bookings WHERE booking_id = %s", booking
    with locked(two, *rows):
        if booking:
            two.xadd({"invoice_no": two.one("SELECT invoice_no FROM payment.invoices WHERE booking_id = %s", booking)}, "payment.requested")
        else:
            booking = two.book(show, "A1")
        wait_until(lambda: two.pending(stream, group), "somebody has it in hand")
        first = owner(two, stream, group)
        end = time.monotonic() + 7
        while time.monotonic() < end:
            assert owner(two, stream, group) == first
            time.sleep(0.05)
    two.wait_for(booking, "CONFIRMED")
    assert taken_over(two) == before
