"""Redis may forget; the store does not. What Redis has lost is noticed, and everything that was under way is said again – but
never while it is still on its way."""
import signal
import time

import pytest

from karcis import STREAMS, Load, wait_until
from outages import forget_everything


def losses(stack):
    return stack.one("SELECT losses FROM log.wire")


def wait_watched(stack):
    """The watch has seen Redis as it is now."""
    beat = wait_until(lambda: stack.rows("SELECT beat FROM log.wire WHERE beat > 0"), "the watch has begun")[0][0]
    wait_until(lambda: stack.one("SELECT beat FROM log.wire") > beat, "the watch goes on")


def is_noticed(stack, known):
    """One loss more than were known, and Redis has been told: what it forgets until then belongs to the same loss."""
    told = (stack.redis.get("karcis:incarnation") or "").split()[:1]
    return losses(stack) > known and told == [stack.one("SELECT incarnation FROM log.wire")]


def wait_said_again(stack):
    wait_until(lambda: stack.redis.get("karcis:recalled:hold") == stack.one("SELECT incarnation FROM log.wire"),
               "what may have been lost was said again", timeout=30)


def check_whole(stack):
    """Nothing under way, and the log has everything that the store's rows imply."""
    stack.wait_drained(timeout=60)
    wait_until(lambda: not stack.violations(), "the log is whole", timeout=20)
    stack.check_misdeeds()


def forget_events(stack, stream):
    """Redis loses what is on this stream, and nothing notices."""
    for entry, _ in stack.entries(stream):
        stack.redis.xdel(stream, entry)


def test_flushall_under_load_loses_nothing_that_somebody_had_read(own_stack):
    stack = own_stack(TICKET_WORKERS=2, PAYMENT_WORKERS=2, BATCH=50)
    wait_watched(stack)
    lost = set()
    with Load(stack) as load:
        for _ in range(3):
            so_far, known = len(load.booked), losses(stack)
            lost.update(forget_everything(stack))
            wait_until(lambda: is_noticed(stack, known), "the loss is noticed")
            wait_until(lambda: len(load.booked) > so_far + 50, "the load goes on")
    wait_said_again(stack)
    check_whole(stack)
    bookings = dict(stack.rows("SELECT booking_id::text, status::text FROM ticketing.bookings"))
    assert set(bookings.values()) == {"CONFIRMED"}, "every booking that was read is final"
    assert set(load.booked) - lost == set(bookings), "requests that nobody had read are missing, and no others"


def test_an_older_copy_of_redis_is_noticed_and_its_ids_go_on_where_they_were(own_stack):
    stack = own_stack()
    show = stack.show("A1", "A2", "A3")
    stack.wait_for(stack.book(show, "A1"), "CONFIRMED")
    wait_watched(stack)
    incarnation = stack.redis.get("karcis:incarnation")
    far = "99999999999999-7"
    stack.redis.execute_command("XADD", "events", far, "topic", "t", "event_id", "1", "timestamp", "2026-01-01T00:00:00Z",
                                "source", "s", "payload", "{}")
    wait_until(lambda: stack.rows("SELECT 1 FROM log.marks WHERE entry_ms = 99999999999999"), "the id is known")
    stack.redis.delete("events")
    stack.redis.set("karcis:beat", 1)
    wait_until(lambda: losses(stack) == 1, "the loss is noticed")
    wait_until(lambda: stack.redis.get("karcis:incarnation") != incarnation, "Redis has another incarnation")
    last = stack.redis.xinfo_stream("events")["last-generated-id"]
    assert last == far
    wait_said_again(stack)
    stack.wait_for(stack.book(show, "A2"), "CONFIRMED")
    check_whole(stack)


def test_a_watcher_that_sees_old_news_does_not_raise_an_alarm(own_stack):
    stack = own_stack(AGGREGATORS=3)
    wait_watched(stack)
    for name in ("aggregator-1", "aggregator-2", "aggregator-3"):
        stack.signal(name, signal.SIGSTOP)
        if name != "aggregator-3":
            wait_watched(stack)
    for name in ("aggregator-1", "aggregator-2", "aggregator-3"):
        stack.signal(name, signal.SIGCONT)
    wait_watched(stack)
    wait_watched(stack)
    assert losses(stack) == 0


@pytest.mark.parametrize("stream", ["seat.held", "invoice.created", "payment.done"])
def test_an_event_that_is_lost_unnoticed_is_said_again(own_stack, stream):
    """The worker that would read it is not there, so it is lost unread."""
    stack = own_stack()
    show = stack.show("A1", "A2")
    stack.wait_for(stack.book(show, "A1"), "CONFIRMED")
    stopped = {"seat.held": ["payment-worker-1"], "invoice.created": ["payment-worker-1", "ticket-worker-1"],
               "payment.done": ["ticket-worker-1"]}[stream]
    if stream == "seat.held":
        stack.remove("payment-worker-1")
    else:
        stack.command("restart", "ticket-worker-1", STEPS="hold")
        stack.command("restart", "payment-worker-1", STEPS="invoice" if stream == "invoice.created" else "invoice,charge")
    booking = stack.book(show, "A2")
    wait_until(lambda: stack.entries(stream, booking), f"{stream} is said")
    forget_events(stack, stream)
    for name in stopped:
        if name in stack.workers(name.rpartition("-")[0]):
            stack.command("restart", name)
        else:
            stack.add(name.rpartition("-")[0])
    stack.wait_for(booking, "CONFIRMED", timeout=40)
    stack.wait_drained()
    stack.check_misdeeds()


def test_nothing_is_said_again_while_it_is_on_its_way(own_stack):
    """Twelve seconds are more than it takes to be looked after. Only what was never read again would be said again."""
    stack = own_stack()
    show = stack.show(seats=20)
    stack.remove("payment-worker-1")
    booked = [stack.book(show, seat) for seat in list(stack.seats(show))]
    wait_until(lambda: len(stack.entries("seat.held")) == 20, "they are held, and that is said")
    waited_from = time.monotonic()
    wait_until(lambda: time.monotonic() - waited_from > 13, "they wait for longer than anybody should", timeout=20)
    assert len(stack.entries("seat.held")) == 20
    stack.add("payment-worker")
    for booking in booked:
        stack.wait_for(booking, "CONFIRMED")
    assert len(stack.entries("seat.held")) == 20
    stack.check_at_rest()


def test_a_booking_that_waits_for_its_user_is_left_in_peace(own_stack):
    stack = own_stack()
    booking = stack.book(stack.show("A1"), "A1", payment="link")
    stack.wait_for(booking, "AWAITING_PAYMENT")
    waited_from = time.monotonic()
    wait_until(lambda: time.monotonic() - waited_from > 13, "it waits", timeout=20)
    assert [len(stack.entries(stream)) for stream in ("seat.held", "invoice.created")] == [1, 1]
    stack.check_at_rest()


def test_a_booking_with_a_dead_letter_is_left_to_people(own_stack):
    """What killed a worker, or was refused, would only do so again."""
    stack = own_stack()
    stack.remove("payment-worker-1")
    booking = stack.book(stack.show("A1"), "A1")
    wait_until(lambda: stack.entries("seat.held", booking), "it is held, and that is said")
    stack.wait_dead(stack.xadd({"booking_id": booking, "status": "nonsense"}, "payment.done"), "payment.done", "settle")
    forget_events(stack, "seat.held")
    stack.add("payment-worker")
    waited_from = time.monotonic()
    wait_until(lambda: time.monotonic() - waited_from > 13, "it waits for longer than anybody should", timeout=20)
    assert not stack.entries("seat.held")
    stack.redis.delete(f"karcis:dead:{booking}")
    stack.wait_for(booking, "CONFIRMED", timeout=60)
    stack.wait_drained()
    stack.check_misdeeds()


def test_a_booking_whose_id_somebody_else_used_is_not(own_stack):
    """The dead letter is about the request that was refused, not about the booking."""
    stack = own_stack()
    show = stack.show("A1", "A2")
    stack.remove("payment-worker-1")
    booking = stack.book(show, "A1")
    wait_until(lambda: stack.entries("seat.held", booking), "it is held, and that is said")
    stack.wait_dead(stack.xadd({"booking_id": booking, "user": "thief", "show": show, "seats": "A2"}))
    forget_events(stack, "seat.held")
    stack.add("payment-worker")
    stack.wait_for(booking, "CONFIRMED", timeout=40)
    stack.wait_drained()
    stack.check_misdeeds()


def test_whoever_says_again_dies_and_another_goes_on(own_stack):
    stack = own_stack(TICKET_WORKERS=2)
    wait_watched(stack)
    with Load(stack) as load:
        stack.redis.flushall()
        wait_until(lambda: losses(stack) == 1, "the loss is noticed")
        for _ in range(3):
            leader = stack.redis.get("karcis:redrive:hold")
            for name in stack.workers("ticket-worker"):
                if leader and stack.consumer(name) == leader:
                    stack.kill(name)
        wait_until(lambda: len(load.booked) > 200, "the load goes on")
    wait_said_again(stack)
    check_whole(stack)
    assert set(dict(stack.rows("SELECT status::text, 1 FROM ticketing.bookings"))) == {"CONFIRMED"}
    assert all(stack.redis.exists(stream) for stream in STREAMS)
