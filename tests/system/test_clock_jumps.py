"""Wall clocks jump, an hour forward and an hour back, each process's alone: nothing is lost, nothing happens twice, nothing stands
still for as long as the clock is wrong."""
import signal
import time

import pytest

from clocks import ClockedStack
from karcis import wait_until
from load import SteadyLoad
from outages import frozen

HOUR_S = 3600
PROGRAMS = ("publisher", "ticket-worker-1", "payment-worker-1", "aggregator-1")


@pytest.fixture(name="clocked")
def start_clocked():
    """clocked(HOLD_TTL_S=4) starts a stack that only this test uses."""
    stacks = []

    def start(**settings):
        stacks.append(ClockedStack.start(**settings))
        return stacks[-1]

    yield start
    for stack in stacks:
        stack.end()


def jump_through(stack, load, names, tell):
    """There and back, each under load: what is asked for after each jump is confirmed soon."""
    for name in names:
        slowest = 0
        for seconds in (HOUR_S, -HOUR_S, 0):
            stack.set_clock(name, seconds)
            since = time.monotonic()
            load.wait_accepted(40, since)
            slowest = max(slowest, load.recovery_s(since))
        tell(f"{name}: flows again {slowest:.1f} s after a jump, at most")


def test_a_programs_clock_changes_nothing_but_what_it_shows(clocked, tell):
    """With holds of 15 minutes: none ends because a program's own clock says so."""
    stack = clocked()
    with SteadyLoad(stack) as load:
        jump_through(stack, load, PROGRAMS, tell)
    load.check()
    stack.check_at_rest()


def test_a_servers_clock_stops_nothing(clocked, tell):
    """Holds are longer than the jumps: what is in hand when PostgreSQL's clock jumps is not past due."""
    stack = clocked(HOLD_TTL_S=4 * HOUR_S)
    with SteadyLoad(stack) as load:
        jump_through(stack, load, ("redis", "postgres"), tell)
    load.check()
    stack.check_at_rest()


def test_a_jump_of_the_stores_clock_leaves_no_seat_between_two_owners(clocked):
    """A hold whose time has come by the one clock that counts is not charged any more, and its seats are free again."""
    stack = clocked()
    with SteadyLoad(stack) as load:
        for seconds in (HOUR_S, -HOUR_S, 0):
            stack.set_clock("postgres", seconds)
            since = time.monotonic()
            load.recovery_s(since)
    stack.wait_drained(timeout=60)
    ended = stack.rows("SELECT status::text, reason FROM ticketing.bookings WHERE show_id = %s GROUP BY 1, 2", load.show)
    assert {("CONFIRMED", None)} <= set(ended) <= {("CONFIRMED", None), ("FAILED", "payment_failed")}
    stack.check_at_rest()


def test_what_vanished_is_said_again_after_the_stores_clock_went_back(clocked):
    """The place up to which bookings were looked at lies in what is the future now."""
    stack = clocked()
    before = stack.book(stack.show("A1"), "A1")
    stack.wait_for(before, "CONFIRMED")
    wait_until(lambda: stack.one("SELECT now() - interval '13 s' > requested_at FROM ticketing.bookings"), "it was looked at", timeout=20)
    stack.set_clock("postgres", -600)
    stack.remove("payment-worker-1")
    booking = stack.book(stack.show("A1"), "A1")
    stack.wait_for(booking, "HELD")
    wait_until(lambda: set(stack.backlog()) == {"seat.held/invoice"}, "all but the invoice is done")
    (entry, _), = stack.entries("seat.held", booking)
    stack.redis.xdel("seat.held", entry)
    stack.command("restart", "payment-worker-1")
    stack.wait_for(booking, "CONFIRMED", timeout=40)
    stack.check_rules()


def freeze_while_reading(stack, worker, seconds):
    """So that Redis gives it the next entry: between two reads, it would be given nothing as long as it is frozen. The clock of Redis
    jumps meanwhile; back, and who is still reading then is so for as long."""
    def all_read():
        return all("b" in client["flags"] for client in stack.redis.client_list() if client["cmd"].startswith("xread"))

    def is_caught():
        stack.set_clock("redis", 0)
        stack.signal(worker, signal.SIGCONT)
        wait_until(all_read, "everybody waits for entries")
        stack.signal(worker, signal.SIGSTOP)
        stack.set_clock("redis", seconds)
        return all_read()
    wait_until(is_caught, "it is frozen while it reads")


def test_a_frozen_worker_is_noticed_although_the_clock_of_redis_went_back(clocked, tell):
    """Its heartbeat, which was given for seconds, would now last for an hour."""
    stack = clocked(TICKET_WORKERS=2)
    show, booked = stack.show(seats=200), []
    free, victim = iter(list(stack.seats(show))), stack.consumer("ticket-worker-1")

    def has_something_in_hand():
        booked.append(stack.book(show, next(free)))
        return stack.pending("booking.requested", "hold").get(victim)

    with frozen(stack, "ticket-worker-1"):
        freeze_while_reading(stack, "ticket-worker-1", -HOUR_S)
        since = time.monotonic()
        wait_until(has_something_in_hand, "Redis has given it an entry")
        for booking in booked:
            stack.wait_for(booking, "CONFIRMED")
        tell(f"taken over after {time.monotonic() - since:.1f} s")
    stack.set_clock("redis", 0)
    stack.check_at_rest()


def test_somebody_else_keeps_watch_although_the_clock_of_redis_went_back(clocked):
    """The lease of whoever kept it, which was given for seconds, would now last for an hour."""
    stack = clocked(AGGREGATORS=2)
    beat = wait_until(lambda: stack.rows("SELECT beat FROM log.wire WHERE beat > 0"), "somebody keeps watch")[0][0]
    with frozen(stack, "aggregator-1"):
        stack.set_clock("redis", -HOUR_S)
        wait_until(lambda: stack.one("SELECT beat FROM log.wire") > beat + 2, "the watch goes on", timeout=30)
        with frozen(stack, "aggregator-2"):
            stack.set_clock("redis", -2 * HOUR_S)
            beat = stack.one("SELECT beat FROM log.wire")
            stack.signal("aggregator-1", signal.SIGCONT)
            wait_until(lambda: stack.one("SELECT beat FROM log.wire") > beat + 2, "the first keeps watch again", timeout=30)
    stack.set_clock("redis", 0)
    stack.check_at_rest()
