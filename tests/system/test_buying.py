"""POST /buy-tickets, the original shop's way to buy, and asking for a booking's end."""
import concurrent.futures
import json
import socket

import pytest

from booker import Booker, booker  # noqa: F401 (a fixture)
from karcis import new_id, wait_until


def buy(booker, show, qty, user="ayu", **headers):
    return booker.post("/buy-tickets", {"stage_id": show, "qty": qty, "username": user}, **headers)


def left(stack, show):
    return len(stack.open_seats(show))


# ---- tickets ----

def test_several_tickets_are_bought_in_one_request_or_none(stack, booker):
    show = stack.show(seats=10, general=True)
    status, headers, tickets = buy(booker, show, 7)
    assert (status, len(tickets), left(stack, show)) == (200, 7, 3)
    assert len({ticket["ticket_id"] for ticket in tickets}) == len({ticket["seat"] for ticket in tickets}) == 7
    assert {(ticket["username"], ticket["stage_id"]) for ticket in tickets} == {("ayu", show)}
    assert all(ticket["stage"] and ticket["timestamp"].endswith("Z") for ticket in tickets)
    shown = booker.get(headers["Location"])[1]
    assert shown["status"] == "CONFIRMED" and shown["booking_id"] == tickets[0]["booking_id"]
    status, _, answer = buy(booker, show, 4, user="budi")
    assert (status, answer) == (400, {"error": "there are not enough tickets left"})
    assert left(stack, show) == 3
    assert buy(booker, show, 3, user="citra")[0] == 200
    assert buy(booker, show, 1, user="dewi")[0] == 400


def test_never_more_is_sold_than_there_is(stack, booker):
    show = stack.show(seats=40, general=True)
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda n: buy(booker, show, 1 + n % 3, user=f"user-{n}"), range(100)))
    sold = [ticket for status, _, tickets in answers if status == 200 for ticket in tickets]
    assert {status for status, _, _ in answers} == {200, 400}
    assert len(sold) == len({ticket["ticket_id"] for ticket in sold}) == len({ticket["seat"] for ticket in sold}) == 40
    assert left(stack, show) == 0


@pytest.mark.parametrize("change, names", [
    ({"username": None}, "username"), ({"username": ""}, "username"), ({"username": 7}, "username"), ({"username": "a b"}, "username"),
    ({"stage_id": None}, "stage_id"), ({"stage_id": True}, "stage_id"), ({"stage_id": -1}, "stage_id"), ({"stage_id": [1]}, "stage_id"),
    ({"stage_id": "no-such-stage"}, "no such stage"), ({"stage_id": 4711}, "no such stage"),
    ({"qty": None}, "qty"), ({"qty": 0}, "qty"), ({"qty": -1}, "qty"), ({"qty": 11}, "qty"), ({"qty": 10 ** 12}, "qty"),
    ({"qty": True}, "qty"), ({"qty": 1.0}, "qty"), ({"qty": 1.5}, "qty"), ({"qty": "1"}, "qty"), ({"qty": [1]}, "qty"), ({"qty": {}}, "qty"),
])
def test_a_purchase_that_makes_no_sense_is_refused_with_the_reason(stack, booker, change, names):
    show = stack.show(seats=2, general=True)
    status, _, answer = booker.post("/buy-tickets", {"stage_id": show, "qty": 1, "username": "ayu", **change})
    assert status == 400 and answer.keys() == {"error"} and names in answer["error"], answer
    assert left(stack, show) == 2


@pytest.mark.parametrize("body", ["", "{", "[]", "7", "null", '{"qty":1' + "0" * 30 + "}", '{"qty":1,"qty":2}', "\x00", '{"qty":NaN}'])
def test_a_purchase_that_is_no_json_is_refused_with_the_reason(booker, body):
    status, _, answer = booker.post("/buy-tickets", body)
    assert status == 400 and answer.keys() == {"error"}, answer


def test_broken_requests_are_answered_and_the_next_is_served(stack, booker):
    show = stack.show(seats=1, general=True)
    key = stack.env["CLIENT_KEY"]
    for broken in (f"POST /buy-tickets HTTP/1.1\r\nHost: k\r\nAuthorization: Bearer {key}\r\nContent-Length: 3\r\n\r\n{{\"q",
                   f"POST /buy-tickets HTTP/1.1\r\nHost: k\r\nAuthorization: Bearer {key}\r\n\r\n",
                   f"POST /buy-tickets HTTP/1.1\r\nHost: k\r\nAuthorization: Bearer {key}\r\nContent-Length: x\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", stack.port("publisher")), timeout=10) as connection:
            connection.sendall(broken.encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 400 "), broken
    assert buy(booker, show, 1)[0] == 200


def test_a_path_that_is_nowhere_is_404_in_json(booker):
    status, _, problem = booker.post("/sell-tickets", {})
    assert (status, problem["status"]) == (404, 404)


def test_a_declined_payment_is_said_and_nothing_is_sold(own_stack):
    stack = own_stack(PAYMENT_FAILURE_RATE=1)
    booker, show = Booker(stack), stack.show(seats=1, general=True)
    status, _, answer = buy(booker, show, 1)
    assert (status, answer) == (400, {"error": "the payment failed"})
    assert left(stack, show) == 1


def test_a_purchase_that_takes_too_long_is_told_later(stack, booker):
    show = stack.show(seats=1, general=True)
    stack.remove("payment-worker-1")
    status, headers, answer = buy(booker, show, 1)
    assert (status, answer["status"], headers["Location"]) == (202, "REQUESTED", f"/bookings/{answer['booking_id']}")
    stack.add("payment-worker")
    stack.wait_for(answer["booking_id"], "CONFIRMED")


def test_a_purchase_that_is_sent_again_with_its_key_is_one_purchase(stack, booker):
    show, key = stack.show(seats=5, general=True), new_id()
    answers = [buy(booker, show, 2, idempotency_key=key) for _ in range(3)]
    assert [status for status, _, _ in answers] == [200] * 3 and left(stack, show) == 3
    assert answers[0][2] == answers[1][2] == answers[2][2]
    assert [headers["Idempotent-Replayed"] for _, headers, _ in answers] == [None, "true", "true"]
    status, _, answer = buy(booker, show, 3, idempotency_key=key)
    assert status == 422 and answer.keys() == {"error"} and left(stack, show) == 3


# ---- asking for the end ----

def test_asking_to_cancel_is_taken_and_said_on_its_stream(stack, booker):
    show = stack.show("A1")
    booking = booker.book(show, "A1", prefer="wait=5")[2]["booking_id"]
    stack.wait_for(booking, "CONFIRMED")
    status, headers, answer = booker.post(f"/bookings/{booking}/cancel", {"reason": "rain"})
    assert (status, answer["booking_id"], headers["Location"]) == (202, booking, f"/bookings/{booking}")
    [(_, fields)] = stack.entries("cancel.requested", booking)
    assert (fields["reason"], fields["source"]) == ("rain", "publisher") and fields["by"]
    assert booker.post(f"/bookings/{booking}/cancel", None)[0] == 202  # a reason need not be given


@pytest.mark.parametrize("path, body, status", [
    ("/bookings/7/cancel", None, 404), ("/bookings/not-a-booking/cancel", {}, 404), ("/bookings/{id}/cancel", {}, 202),
    ("/bookings/{id}/cancel", {"reason": 7}, 422), ("/bookings/{id}/cancel", [], 422),
    ("/bookings/{id}/cancel", {"reason": "x" * 201}, 422), ("/bookings/{id}/cancel", "{", 400),
])
def test_what_cannot_be_cancelled_is_refused(booker, path, body, status):
    assert booker.post(path.format(id=new_id()), body)[0] == status
