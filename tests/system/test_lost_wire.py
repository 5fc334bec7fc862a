"""Streams and groups may vanish under the workers' hands: an operator's mistake, FLUSHALL, a copy of Redis from yesterday.
What has to be made again is made again, and what is read again is recognised."""
import contextlib

import psycopg2
import pytest

from karcis import GROUPS, STREAMS, Load, wait_until


def all_groups(stack):
    return [(stream, group["name"]) for stream in STREAMS if stack.redis.exists(stream) for group in stack.redis.xinfo_groups(stream)]


@pytest.mark.parametrize("stream, group", [(stream, group) for stream, groups in GROUPS.items() for group in sorted(groups)])
def test_a_group_that_was_destroyed_is_made_again_and_the_flow_goes_on(stack, stream, group):
    show = stack.show("A1", "A2")
    stack.wait_for(stack.book(show, "A1"), "CONFIRMED")
    stack.wait_drained()
    stack.redis.xgroup_destroy(stream, group)
    booking = stack.book(show, "A2", payment="link")
    stack.wait_for(booking, "AWAITING_PAYMENT")
    stack.xadd({"invoice_no": stack.one("SELECT invoice_no FROM payment.invoices WHERE booking_id = %s", booking)},
               stream="payment.requested")
    stack.wait_for(booking, "CONFIRMED")


def test_all_streams_deleted_at_rest_are_made_again_and_the_flow_goes_on(own_stack):
    stack = own_stack()
    show = stack.show("A1", "A2", "A3")
    for seat in ("A1", "A2", "A3"):
        stack.wait_for(stack.book(show, seat), "CONFIRMED")
        stack.wait_drained()
        before = all_groups(stack)
        stack.delete_streams()
        wait_until(lambda: set(all_groups(stack)) >= set(before) - {("booking.closed", "record")}, "the groups are there again")
    stack.check_at_rest()


@contextlib.contextmanager
def held_up(stack):
    """Nobody can store bookings for a while: what a worker has read stays in its hands."""
    with contextlib.closing(psycopg2.connect(stack.env["DATABASE_URL"])) as holder:
        holder.cursor().execute("LOCK TABLE ticketing.bookings IN SHARE MODE")
        yield


@pytest.mark.parametrize("victims", [[("booking.requested", "hold")], None], ids=["hold", "all groups"])
def test_groups_destroyed_under_load_lose_nothing(own_stack, victims):
    """Nobody else is there to make the groups again: the one worker has entries in hand that are nobody's any more."""
    stack = own_stack(BATCH=10)
    show = stack.show(seats=400)
    seats = list(stack.seats(show))
    booked = []

    def destroy():
        for stream, group in victims or all_groups(stack):
            stack.redis.xgroup_destroy(stream, group)

    for n in range(4):
        with held_up(stack):
            with stack.redis.pipeline(transaction=False) as pipe:
                booked += [stack.book(show, seat, pipe=pipe) for seat in seats[n * 100:(n + 1) * 100]]
                pipe.execute()
            wait_until(lambda: stack.pending("booking.requested", "hold"), "the worker has something in hand")
            if n % 2:
                destroy()
        if n % 2 == 0:
            destroy()  # in the middle of whatever it does now
        wait_until(lambda: ("booking.requested", "hold") in all_groups(stack), "the group is there again")
    stack.wait_drained(timeout=30)
    statuses = stack.rows("SELECT status::text, count(*) FROM ticketing.bookings WHERE booking_id = ANY(%s::uuid[]) GROUP BY 1", booked)
    assert statuses == [("CONFIRMED", 400)]
    said = [fields["event_id"] for _, fields in stack.entries("seat.held")]
    assert len(set(said)) == 400 and len(said) < 4000, "said again, but not without end"
    stack.check_at_rest()


def test_what_is_said_while_redis_is_slow_is_said_once(two):
    """A step waits for the answer to what it has said, however many timers go off meanwhile."""
    with Load(two) as load:
        for _ in range(20):
            so_far = len(load.booked)
            two.redis.execute_command("CLIENT", "PAUSE", 120, "WRITE")
            wait_until(lambda: len(load.booked) > so_far + 20, "the load goes on")
    load.all_are_confirmed()
    said = {stream: [fields["event_id"] for _, fields in two.entries(stream) if fields["booking_id"] in load.booked]
            for stream in ("seat.held", "invoice.created", "payment.done", "booking.closed")}
    assert {stream: len(events) - len(set(events)) for stream, events in said.items()} == dict.fromkeys(said, 0)


def test_a_group_that_was_destroyed_goes_on_where_it_had_acknowledged_everything(own_stack):
    """Reading all again would do no harm, but with fifty thousand entries it takes its time."""
    stack = own_stack()
    show = stack.show(seats=51)
    *seats, last = list(stack.seats(show))
    for seat in seats:
        stack.book(show, seat)
    stack.wait_drained()
    read = stack.redis.xinfo_stream("booking.requested")["last-generated-id"]
    wait_until(lambda: stack.redis.hget("karcis:positions", "booking.requested hold") == read, "the position is noted")
    stack.redis.xgroup_destroy("booking.requested", "hold")
    stack.wait_for(stack.book(show, last), "CONFIRMED")
    assert len(stack.entries("seat.held")) == 51
    stack.check_at_rest()
