"""GET /live: listeners are told what happens, each once, also when they come back."""
import os
import re
import resource
import signal
import time

import pytest

from karcis import new_id, wait_until
from live import Crowd, Listener
from window import Window


def listeners(stack):
    text = stack.http("GET", stack.port("aggregator-1"), "/metrics")[1].decode()
    return int(re.search(r"^karcis_live_listeners (\d+)$", text, re.M).group(1))


@pytest.fixture(autouse=True)
def all_have_gone(stack):
    yield
    wait_until(lambda: listeners(stack) == 0, "nobody listens any more")


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_listener_is_told_each_change_of_seats_and_bookings_and_nothing_private(stack):
    show = stack.show("A1", "A2")
    with Listener(stack) as listener:
        listener.ready()
        assert listener.status == 200 and "content-type: text/event-stream" in listener.head and "cache-control: no-cache" in listener.head
        booking = stack.book(show, "A1", "A2", user="very-private")
        stack.wait_for(booking, "CONFIRMED")
        listener.wait(lambda: listener.has("booking", booking_id=booking, status="CONFIRMED"), "it is confirmed")
        mine = [(event, data) for event, data in listener.events if show == data.get("show") or booking == data.get("booking_id")]
        seats = ["A1", "A2"]
        assert mine == [
            *(("seat", {"show": show, "label": label, "status": "ON_GOING"}) for label in seats),
            ("booking", {"booking_id": booking, "status": "HELD", "show": show, "seats": seats}),
            ("booking", {"booking_id": booking, "status": "AWAITING_PAYMENT"}),
            *(("seat", {"show": show, "label": label, "status": "BOOKED"}) for label in seats),
            ("booking", {"booking_id": booking, "status": "CONFIRMED", "show": show, "seats": seats})]
        assert "very-private" not in str(listener.events) and "/pay/" not in str(listener.events)


def test_a_seat_that_comes_free_is_told_with_the_reason_and_one_who_is_rejected_frees_none(stack):
    show = stack.show("A1", "A2")
    with Listener(stack) as listener:
        listener.ready()
        with stack.restarted("payment-worker-1", PAYMENT_FAILURE_RATE=1):
            failed = stack.book(show, "A1")
            stack.wait_for(failed, "FAILED")
        listener.wait(lambda: listener.has("seat", show=show, label="A1", status="OPEN"), "it is free")
        assert listener.has("booking", booking_id=failed, status="FAILED", reason="payment_failed")
        taken = stack.book(show, "A2")
        rejected = stack.book(show, "A2", user="budi", waitlist="no")
        listener.wait(lambda: listener.has("booking", booking_id=rejected, status="REJECTED", reason="seat_taken"), "it is rejected")
        listener.wait(lambda: listener.has("booking", booking_id=taken, status="CONFIRMED"), "the other is confirmed")
        assert not listener.has("seat", show=show, label="A2", status="OPEN")


def test_filters_let_through_one_show_or_one_booking(stack):
    mine, other = stack.show("A1", "A2"), stack.show("A1")
    first, second = new_id(), new_id()
    with Listener(stack, f"?show={mine}") as of_show, Listener(stack, f"?booking={second}") as of_booking:
        of_show.ready()
        of_booking.ready()
        elsewhere = stack.book(other, "A1")
        stack.wait_for(elsewhere, "CONFIRMED")
        stack.book(mine, "A1", booking_id=first)
        stack.book(mine, "A2", booking_id=second)
        of_show.wait(lambda: of_show.has("booking", booking_id=first, status="CONFIRMED") and of_show.has("booking", booking_id=second, status="CONFIRMED"),
                     "both are confirmed")
        of_booking.wait(lambda: of_booking.has("booking", booking_id=second, status="CONFIRMED"), "it is confirmed")
        assert {data["show"] for _, data in of_show.events} == {mine}
        assert [data["status"] for data in of_booking.of("booking")] == ["HELD", "AWAITING_PAYMENT", "CONFIRMED"]
        assert {data["label"] for data in of_booking.of("seat")} == {"A2"}


@pytest.mark.parametrize("query", ["show=a%20b", "show=", "booking=x", "show=demo&booking=00000000-0000-0000-0000-000000000000"])
def test_a_filter_that_makes_no_sense_is_refused(stack, query):
    assert Window(stack).get(f"/live?{query}")[0] == 422


@pytest.mark.parametrize("by_show", [False, True])
def test_who_comes_back_is_told_what_was_missed_once_and_goes_on(stack, by_show):
    show = stack.show(seats=30)
    seats, query = list(stack.seats(show)), f"?show={show}" if by_show else ""
    with Listener(stack, query) as listener:
        listener.ready()
        stack.wait_for(stack.book(show, seats[0]), "CONFIRMED")
        listener.wait(lambda: listener.has("seat", label=seats[0], status="BOOKED"), "the first is booked")
        place = listener.last
    for seat in seats[1:20]:
        booking = stack.book(show, seat)
    stack.wait_for(booking, "CONFIRMED")
    stack.wait_drained()
    with Listener(stack, query, last=place) as listener:
        for seat in seats[20:]:
            booking = stack.book(show, seat)
        listener.wait(lambda: listener.has("seat", label=seats[-1], status="BOOKED"), "the last is booked")
        changes = [(data["label"], data["status"]) for data in listener.of("seat") if data["show"] == show]
        assert sorted(changes) == sorted((seat, status) for seat in seats[1:] for status in ("ON_GOING", "BOOKED"))
        assert not listener.has("reset")
    with Listener(stack, query, last=listener.last) as listener:
        listener.ready()
        stack.wait_for(booking, "CONFIRMED")
        assert not listener.of("seat")


def test_who_comes_back_when_it_was_trimmed_or_with_a_strange_place_begins_anew(stack):
    show = stack.show("A1", "A2", "A3")
    with Listener(stack) as listener:
        place = listener.ready().last
    for seat in ("A1", "A2"):
        stack.wait_for(stack.book(show, seat), "CONFIRMED")
    stack.wait_drained()
    stack.redis.xtrim("seat.held", maxlen=1, approximate=False)
    parts = place.split(".")
    future = ".".join(f"{int(part.split('-')[0]) + 10**9}-0" for part in parts)
    for last in (place, future, "nonsense", "0-0", ".".join(parts[:-1])):
        with Listener(stack, last=last) as listener:
            listener.wait(lambda: listener.has("reset"), f"it is told to begin anew: {last}")
            assert not listener.of("seat")
            place = listener.wait(lambda: listener.last != last, "a place of now").last
            assert place.count(".") == 3
    with Listener(stack) as listener:
        listener.ready()
        stack.book(show, "A3")
        listener.wait(lambda: listener.has("seat", label="A3", status="BOOKED"), "it goes on")


def test_statistics_are_told_while_they_change(stack):
    show = stack.show("A1")
    with Listener(stack) as listener:
        listener.ready()
        stack.wait_for(stack.book(show, "A1"), "CONFIRMED")
        stack.wait_drained()
        received = stack.one("SELECT sum(unique_processed + duplicate_dropped + rejected) FROM log.counters")
        bookings = dict(stack.rows("SELECT status::text, count(*) FROM ticketing.bookings GROUP BY status"))
        assert bookings["CONFIRMED"] >= 1  # the tally may be of the second before
        listener.wait(lambda: listener.has("stats", received=int(received), bookings=bookings), "the numbers are of now")
        told = [tuple(sorted(map(str, numbers.items()))) for numbers in listener.of("stats")]
        assert all(one != next_one for one, next_one in zip(told, told[1:]))


def test_garbage_on_the_streams_is_told_to_nobody(stack):
    with Listener(stack) as listener:
        listener.ready()
        for stream, fields in (("seat.held", {"booking_id": "x", "show": "s", "seats": "A1"}), ("booking.closed", {"a": "b"}),
                               ("seat.held", {"booking_id": new_id(), "show": "evil\nevent: seat", "seats": "\n\n,A1"}),
                               ("booking.closed", {"booking_id": new_id(), "status": "sold", "show": "s", "seats": "A1"})):
            stack.xadd(fields, stream)
        show = stack.show("A1")
        stack.book(show, "A1")
        listener.wait(lambda: listener.has("seat", show=show, status="BOOKED"), "the next is told")
        assert {data["show"] for data in listener.of("seat")} == {show}


def test_a_listener_hears_a_comment_when_nothing_happens_also_one_who_came_while_redis_was_away(own_stack):
    """Below a minute, after which proxies take a silent connection for a dead one."""
    stack = own_stack()
    stack.signal("redis", signal.SIGSTOP)
    try:
        with Listener(stack) as listener:
            listener.wait(lambda: listener.comments == 1, "a comment without Redis", timeout=50)
            assert not listener.last
            stack.signal("redis", signal.SIGCONT)
            place = listener.ready().last
            listener.wait(lambda: listener.comments == 2, "another one", timeout=50)
            assert listener.last == place and not listener.of("seat") and not listener.of("booking")
    finally:
        stack.signal("redis", signal.SIGCONT)


def test_two_thousand_listeners_are_all_told_and_who_comes_when_all_places_are_taken_is_refused(stack, tell):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 10000), hard))
    show, pid = stack.show("A1", "A2"), stack.pid("aggregator-1")
    crowd = Crowd(stack, 2000)
    try:
        wait_until(lambda: listeners(stack) == 2000, "all listen", timeout=30)
        assert len(crowd.heard(b"id: ")) == 2000
        before, began = cpu_s(pid), time.monotonic()
        stack.book(show, "A1")
        took = sorted(crowd.heard(f'"show":"{show}","label":"A1","status":"BOOKED"'.encode()))
        assert len(took) == 2000
        tell(f"2,000 listeners heard of a booking: first after {took[0] * 1000:.0f} ms, last {took[-1] * 1000:.0f} ms, "
             f"{(cpu_s(pid) - before) * 1e6 / 2000:.0f} us CPU each, within {time.monotonic() - began:.1f} s")
        assert took[-1] < 10
        assert stack.http("GET", stack.port("aggregator-1"), "/stats", timeout=10)[0] == 200
        more = Crowd(stack, 500)
        try:
            wait_until(lambda: listeners(stack) == 2500, "the last places are taken", timeout=30)
            status, problem = Window(stack).get("/live")
            assert (status, problem["code"]) == (503, "overloaded")
        finally:
            more.close()
    finally:
        crowd.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_listener_that_does_not_read_is_cut_off_and_holds_up_nobody(own_stack):
    stack = own_stack()
    seats = iter(list(stack.seats(show := stack.show(seats=10000))))
    slow, reader = Listener(stack, room=4096), Crowd(stack, 1)
    wait_until(lambda: listeners(stack) == 2, "both listen")
    pipe, waves = stack.redis.pipeline(transaction=False), 0
    while listeners(stack) == 2:
        assert (waves := waves + 1) <= 20, "it is not cut off"
        for _ in range(500):
            last = stack.book(show, next(seats), pipe=pipe)
        pipe.execute()
        assert reader.heard(f'"booking_id":"{last}","status":"CONFIRMED"'.encode(), timeout=60), "who reads is told"
    slow.socket.close()
    reader.close()
    wait_until(lambda: listeners(stack) == 0, "nobody listens")
    stack.wait_drained(60)


def test_listeners_are_told_to_begin_anew_when_redis_has_lost_its_data(own_stack):
    stack = own_stack()
    show = stack.show("A1", "A2")
    with Listener(stack) as listener:
        listener.ready()
        stack.wait_for(stack.book(show, "A1"), "CONFIRMED")
        listener.wait(lambda: listener.has("seat", label="A1", status="BOOKED"), "it is booked")
        stack.wait_drained()
        stack.entries_deleted = stack.entries_added()
        stack.redis.flushall()
        listener.wait(lambda: listener.has("reset"), "it is told to begin anew", timeout=20)
        booking = stack.book(show, "A2")
        stack.wait_for(booking, "CONFIRMED", timeout=30)
        listener.wait(lambda: listener.has("seat", label="A2", status="BOOKED"), "it goes on", timeout=20)
