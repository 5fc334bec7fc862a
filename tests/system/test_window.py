"""What the aggregator lets people read: lists of what is theirs, histories as of any time, the original shop's words."""
import time
import urllib.parse
import uuid
from datetime import datetime, timedelta, timezone

import pytest

from karcis import new_id
from window import Window, at, walk


@pytest.fixture
def window(stack):
    return Window(stack)


def test_a_users_bookings_are_listed_newest_first_page_by_page_failed_ones_too(window, stack):
    user, show = f"user-{new_id()[:8]}", stack.show(seats=8)
    assert window.get(f"/users/{user}/bookings")[0] == 404
    booked = [stack.book(show, seat, user=user) for seat in ("001", "002", "003")]
    stack.wait_for(booked[2], "CONFIRMED")
    with stack.restarted("payment-worker-1", PAYMENT_FAILURE_RATE=1):
        booked.append(stack.book(show, "004", user=user))
        stack.wait_for(booked[3], "FAILED")
    stack.book(show, "005", user="somebody-else")
    booked.append(stack.book(show, "005", user=user))
    stack.wait_for(booked[4], "WAITLISTED")
    booked.append(stack.book(show, "099", user=user))
    stack.wait_for(booked[5], "REJECTED")
    stack.wait_drained()
    items = walk(window, f"/users/{user}/bookings", limit=2)
    assert [item["booking_id"] for item in items] == booked[::-1]
    assert [item["status"] for item in items] == ["REJECTED", "WAITLISTED", "FAILED", "CONFIRMED", "CONFIRMED", "CONFIRMED"]
    assert [item["reason"] for item in items[:3]] == ["unknown_seat", None, "payment_failed"]
    assert items == [window.get(f"/bookings/{booking}")[1] for booking in booked[::-1]]
    assert [item["waitlist"] for item in items] == [None, {"position": 1, "length": 1}, None, None, None, None]


def test_a_users_list_says_where_each_booking_stands_as_the_booking_itself_does(window, stack):
    """Of one seat, of two, of any: who could take one of its seats is counted once, in each show for itself."""
    user, first, second, other = f"user-{new_id()[:8]}", stack.show("A1", "A2", "A3"), stack.show("A1"), stack.show("A1")
    for show in (first, second, other):
        stack.wait_for(stack.book(show, quantity=3 if show == first else 1, user="owner"), "CONFIRMED")
    asked = [(first, ["A1"], "a"), (first, ["A1", "A2"], "b"), (first, ["A1"], user), (first, [], "c"), (first, ["A3"], user),
             (first, ["A1", "A2"], user), (first, ["A2"], "d"), (first, [], user), (second, ["A1"], "e"), (second, [], "f"),
             (second, ["A1"], user), (other, ["A1"], "g"), (first, ["A2", "A3"], "h")]
    waiting = [(who, stack.book(show, *seats, user=who, **{} if seats else {"quantity": 1})) for show, seats, who in asked]
    for _, booking in waiting:
        stack.wait_for(booking, "WAITLISTED")
    items = walk(window, f"/users/{user}/bookings", limit=4)
    assert [item["booking_id"] for item in items] == [booking for who, booking in waiting[::-1] if who == user]
    assert [tuple(item["waitlist"].values()) for item in items] == [(3, 3), (8, 9), (5, 8), (2, 4), (3, 6)]
    assert items == [window.get(f"/bookings/{item['booking_id']}")[1] for item in items]


def test_a_user_who_was_made_and_has_booked_nothing_has_no_bookings(window, stack):
    user = f"user-{new_id()[:8]}"
    stack.rows("INSERT INTO ticketing.users (name) VALUES (%s)", user)
    assert window.get(f"/users/{user}/bookings") == (200, {"items": [], "next": None})


def test_a_bookings_history_has_each_change_and_says_what_it_was_at_any_time(window, stack):
    show, booking = stack.show("A1"), new_id()
    with stack.restarted("payment-worker-1", PAYMENT_FAILURE_RATE=1):
        stack.book(show, "A1", booking_id=booking, event_id=f"mine-{booking}")
        stack.wait_for(booking, "FAILED")
        stack.wait_drained()
    status, history = window.get(f"/bookings/{booking}/history")
    assert status == 200
    changes = history["items"]
    assert [change["status"] for change in changes] == ["REQUESTED", "HELD", "AWAITING_PAYMENT", "FAILED"]
    assert (history["status"], history["as_of"], changes[3]["reason"]) == ("FAILED", None, "payment_failed")
    assert [change["at"] for change in changes] == sorted(change["at"] for change in changes)
    for change in changes:
        (entry, fields), = stack.entries(change["topic"], booking)
        assert change["entry_id"] == entry
        assert change["event_id"] in (None, fields["event_id"])
    for change in changes[1:]:
        before = window.as_of(f"/bookings/{booking}/history", change["at"], later=timedelta(milliseconds=-1))
        assert before["items"] == [other for other in changes if other["at"] < change["at"]]
        then = window.as_of(f"/bookings/{booking}/history", change["at"])
        assert then["status"] == [other["status"] for other in changes if other["at"] <= change["at"]][-1]
    long_ago = window.as_of(f"/bookings/{booking}/history", "2020-01-01T00:00:00+07:00")
    assert (long_ago["status"], long_ago["items"], long_ago["as_of"]) == (None, [], "2019-12-31T17:00:00.000Z")


def test_a_history_of_what_is_not_there_or_as_of_no_time_is_refused(window, stack):
    show = stack.show("A1")
    for path in (f"/bookings/{new_id()}/history", "/bookings/x/history", f"/shows/{show}/seats/A2/history", "/shows/none/seats/A1/history"):
        status, problem = window.get(path)
        assert (status, problem["code"]) == (404, "not_found"), path
    for as_of in ("yesterday", "2026-13-01T00:00:00Z", "2026-01-01", ""):
        status, problem = window.get(f"/shows/{show}/seats/A1/history?as_of={as_of}")
        assert (status, problem["errors"][0]["pointer"]) == (422, "/as_of"), as_of


def test_the_history_of_a_booking_that_nobody_has_decided_yet_is_its_request(window, stack):
    show = stack.show("A1")
    stack.remove("ticket-worker-1")
    booking = uuid7()
    stack.book(show, "A1", booking_id=booking)
    status, history = window.get(f"/bookings/{booking}/history")
    assert (status, history["status"], [change["status"] for change in history["items"]]) == (200, "REQUESTED", ["REQUESTED"])
    stack.add("ticket-worker")
    stack.wait_for(booking, "CONFIRMED")


def uuid7():
    return str(uuid.UUID(int=int(time.time() * 1000) << 80 | 7 << 76 | uuid.uuid4().int & ((1 << 76) - 1) & ~(3 << 62) | 2 << 62))


def test_one_who_waits_has_that_in_the_history(window, stack):
    show = stack.show("A1")
    first, second = stack.book(show, "A1"), stack.book(show, "A1", user="budi")
    stack.wait_for(second, "WAITLISTED")
    stack.wait_for(first, "CONFIRMED")
    history = window.get(f"/bookings/{second}/history")[1]
    assert [change["status"] for change in history["items"]] == ["REQUESTED", "WAITLISTED"]


def test_a_seats_history_says_whose_it_was_at_any_time(window, stack):
    show = stack.show("A1", "A2", "A3")
    path = f"/shows/{show}/seats/A2/history"
    untouched = window.get(path)[1]
    assert (untouched["status"], untouched["booking_id"], untouched["items"]) == ("OPEN", None, [])
    with stack.restarted("payment-worker-1", PAYMENT_FAILURE_RATE=1):
        failed = stack.book(show, "A1", "A2")
        stack.wait_for(failed, "FAILED")
    other = stack.book(show, "A1")
    bought = stack.book(show, "A2", "A3")
    waiting = stack.book(show, "A2", user="budi")
    for booking, status in ((bought, "CONFIRMED"), (other, "CONFIRMED"), (waiting, "WAITLISTED")):
        stack.wait_for(booking, status)
    stack.wait_drained()
    history = window.get(path)[1]
    changes = history["items"]
    assert [(change["status"], change["booking_id"], change["reason"]) for change in changes] == [
        ("ON_GOING", failed, None), ("OPEN", failed, "payment_failed"), ("ON_GOING", bought, None), ("BOOKED", bought, None)]
    assert (history["status"], history["booking_id"]) == ("BOOKED", bought)
    for change in changes:
        then = window.as_of(path, change["at"])
        assert (then["status"], then["booking_id"]) == (change["status"], change["booking_id"] if change["status"] != "OPEN" else None)
    before = window.as_of(path, changes[0]["at"], later=timedelta(milliseconds=-1))
    assert (before["status"], before["items"]) == ("OPEN", [])
    assert window.as_of(path, "2020-01-01T00:00:00Z")["status"] is None
    assert walk(window, path, limit=1) == changes


def test_the_waitlist_of_a_show_is_in_the_order_of_arrival_page_by_page(window, stack):
    show = stack.show("A1", "A2")
    assert window.get(f"/shows/{show}/waitlist") == (200, {"items": [], "next": None})
    owners = [stack.book(show, seat) for seat in ("A1", "A2")]
    waiting = [stack.book(show, seat, user=f"fan-{n}") for n, seat in enumerate(("A1", "A2", "A1", "A2", "A1"))]
    for booking in owners:
        stack.wait_for(booking, "CONFIRMED")
    stack.wait_for(waiting[-1], "WAITLISTED")
    items = walk(window, f"/shows/{show}/waitlist", limit=2)
    assert [(item["position"], item["booking_id"], item["user"], item["seats"]) for item in items] == [
        (n + 1, booking, f"fan-{n}", [["A1"], ["A2"]][n % 2]) for n, booking in enumerate(waiting)]
    assert window.get("/shows/none/waitlist")[0] == 404


def test_an_invoice_is_found_by_its_number_with_its_payments(window, stack):
    show = stack.show("A1", "A2", amount=50000)
    booking = stack.book(show, "A1", "A2")
    stack.wait_for(booking, "CONFIRMED")
    number = window.get(f"/bookings/{booking}")[1]["invoice_no"]
    status, invoice = window.get(f"/invoices/{number}")
    assert (status, invoice["booking_id"], invoice["status"], invoice["quantity"]) == (200, booking, "PAID", 2)
    assert invoice["amount"] == {"amount": 100000, "currency": "IDR"}
    assert [(payment["status"], payment["reason"]) for payment in invoice["payments"]] == [("SUCCEEDED", None)]
    unknown = "INV-" + "0" * 26
    for wrong in (unknown, number.lower(), number[:-1], "x"):
        assert window.get(f"/invoices/{wrong}")[0] == 404, wrong


def test_stages_are_shows_whose_seats_nobody_chooses_and_say_what_is_left(window, stack):
    general, numbered = stack.show(seats=10, general=True, amount=75000), stack.show("A1")
    stack.rows("UPDATE ticketing.shows SET doors_at = '2026-11-21T17:30Z', starts_at = '2026-11-21T18:00Z' WHERE show_id = %s", general)
    stages = {stage["id"]: stage for stage in walk(window, "/stages", limit=1)}
    assert numbered not in stages
    assert stages[general] == {
        "id": general, "name": stages[general]["name"], "day": "2026-11-22", "open": "2026-11-21T17:30:00.000Z",
        "start": "2026-11-21T18:00:00.000Z", "price": {"amount": 75000, "currency": "IDR"}, "stock": 10, "capacity": 10}
    booking = stack.book(general, quantity=7)
    stack.wait_for(booking, "CONFIRMED")
    stages = {stage["id"]: stage for stage in walk(window, "/stages")}
    assert stages[general]["stock"] == 3
    stack.rows("UPDATE ticketing.shows SET time_zone = 'Nowhere/Else' WHERE show_id = %s", general)
    assert {stage["id"]: stage["day"] for stage in walk(window, "/stages")}[general] == "2026-11-21"


def test_my_tickets_are_mine_alone_each_with_an_id_of_its_own(window, stack):
    user, other = f"user-{new_id()[:8]}", f"user-{new_id()[:8]}"
    show = stack.show(seats=10, general=True)
    assert window.get("/my-tickets") == window.get("/my-tickets?username=") == (400, {"error": "username is missing"})
    assert window.get(f"/my-tickets?username={user}") == (200, [])
    bookings = [stack.book(show, quantity=3, user=user), stack.book(show, quantity=2, user=other), stack.book(show, quantity=1, user=user)]
    for booking in bookings:
        stack.wait_for(booking, "CONFIRMED")
    with stack.restarted("payment-worker-1", PAYMENT_FAILURE_RATE=1):
        stack.wait_for(stack.book(show, quantity=1, user=user), "FAILED")
    tickets = window.get(f"/my-tickets?username={user}")[1]
    assert [ticket["booking_id"] for ticket in tickets] == [bookings[2]] + 3 * [bookings[0]]
    assert {(ticket["username"], ticket["stage_id"]) for ticket in tickets} == {(user, show)}
    assert all(at(ticket["bought_at"]) <= datetime.now(timezone.utc) and ticket["timestamp"] == ticket["bought_at"] for ticket in tickets)
    theirs = window.get(f"/my-tickets?username={other}")[1]
    ids = [str(uuid.UUID(ticket["ticket_id"])) for ticket in tickets + theirs]
    assert len(set(ids)) == 6
    shown = window.get(f"/bookings/{bookings[0]}")[1]["tickets"]
    assert {ticket["ticket_id"] for ticket in shown} == {ticket["ticket_id"] for ticket in tickets[1:]}


def test_names_that_need_escapes_are_found_or_not_and_break_nothing(window):
    for name in ("a'b", "a b", "%", "\u00e9", "a/b", "../x"):
        quoted = urllib.parse.quote(name, safe="")
        assert window.get(f"/users/{quoted}/bookings")[0] == 404
        assert window.get(f"/my-tickets?username={quoted}") == (200, [])
