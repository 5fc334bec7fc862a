"""Idempotency-Key: a client may send a request again, and it is done once."""
import concurrent.futures
import json
import signal
import subprocess

import pytest

from booker import Booker, booker  # noqa: F401 (a fixture)
from karcis import BIN_DIR, new_id, wait_until


def entries_of(stack, show):
    return [fields for _, fields in stack.redis.xrange("booking.requested") if fields.get("show") == show]


def test_the_same_request_with_its_key_three_times_is_one_booking_and_one_answer(stack, booker):
    show, key = stack.show("A1", "A2"), new_id()
    answers = [booker.book(show, "A1", idempotency_key=key) for _ in range(3)]
    assert [status for status, _, _ in answers] == [202] * 3
    assert answers[0][2] == answers[1][2] == answers[2][2]
    assert [headers["Idempotent-Replayed"] for _, headers, _ in answers] == [None, "true", "true"]
    assert len({headers["Location"] for _, headers, _ in answers}) == 1
    assert len(entries_of(stack, show)) == 1
    stack.wait_for(answers[0][2]["booking_id"], "CONFIRMED")
    status, headers, booking = booker.book(show, "A1", idempotency_key=key, prefer="wait=5")
    assert (status, headers["Idempotent-Replayed"], booking["status"]) == (201, "true", "CONFIRMED")
    assert booking["booking_id"] == answers[0][2]["booking_id"]
    assert stack.one("SELECT count(*) FROM ticketing.bookings WHERE show_id = %s", show) == 1


def test_the_same_body_may_be_written_in_another_way(stack, booker):
    show, key = stack.show("A1"), new_id()
    first = booker.post("/bookings", f'{{"user":"ayu","show":"{show}","seats":["A1"]}}', idempotency_key=key)
    again = booker.post("/bookings", f'{{ "seats": ["A1"], "show": "{show}", "user": "ayu" }}', idempotency_key=key)
    assert (again[0], again[2]) == (first[0], first[2])


def test_the_same_key_with_another_body_is_refused_and_nothing_is_booked(stack, booker):
    show, key = stack.show("A1", "A2"), new_id()
    booker.book(show, "A1", idempotency_key=key)
    for seat, user in (("A2", "ayu"), ("A1", "budi")):
        status, _, problem = booker.book(show, seat, user=user, idempotency_key=key)
        assert (status, problem["code"]) == (422, "idempotency_key_reused")
    assert len(entries_of(stack, show)) == 1


def test_a_key_is_its_callers_own_and_of_one_path(stack, booker):
    show, key = stack.show("A1", "A2", "A3"), new_id()
    ids = {booker.book(show, "A1", idempotency_key=key)[2]["booking_id"],
           booker.book(show, "A2", key="ADMIN_KEY", idempotency_key=key)[2]["booking_id"]}
    status, _, tickets = booker.post("/buy-tickets", {"stage_id": show, "qty": 1, "username": "ayu"}, idempotency_key=key)
    assert status == 200 and len(ids | {tickets[0]["booking_id"]}) == 3


@pytest.mark.parametrize("change", [{"seats": ["A2"]}, {"user": "budi"}, {"waitlist": "no"}, {"payment": "link"}], ids=lambda c: "".join(c))
def test_who_waits_under_another_bookings_id_is_refused_and_shown_nothing_of_it(stack, booker, change):
    show = stack.show("A1", "A2")
    body = {"booking_id": new_id(), "user": "ayu", "show": show, "seats": ["A1"]}
    for _ in range(2):  # the same content answers the same
        status, _, booking = booker.post("/bookings", body, prefer="wait=5")
        assert (status, booking["booking_id"], booking["seats"]) == (201, body["booking_id"], ["A1"])
    before = stack.wait_for(body["booking_id"], "CONFIRMED")
    status, headers, problem = booker.post("/bookings", {**body, **change}, prefer="wait=5")
    assert (status, problem["code"], headers["Location"]) == (422, "booking_id_reused", None)
    assert not {"user", "seats", "tickets"} & problem.keys()
    assert stack.booking(body["booking_id"]) == before and stack.open_seats(show) == ["A2"]


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "caf\u00e9"])
def test_a_key_that_is_none_is_refused(stack, booker, key):
    before = stack.redis.xlen("booking.requested")
    status, _, problem = booker.book("demo", "A1", idempotency_key=key)
    assert (status, problem["code"]) == (400, "bad_idempotency_key")
    assert stack.redis.xlen("booking.requested") == before


def test_a_request_that_was_refused_leaves_its_key_free(stack, booker):
    show, key = stack.show("A1"), new_id()
    assert booker.post("/bookings", {"user": "ayu"}, idempotency_key=key)[0] == 422
    assert booker.book(show, "A1", idempotency_key=key)[0] == 202


def test_a_request_that_found_no_broker_leaves_its_key_free(own_stack):
    stack = own_stack()
    booker, show, key = Booker(stack), stack.show("A1", "A2"), new_id()
    stack.redis.config_set("maxmemory", 1)
    assert booker.book(show, "A1", idempotency_key=key)[0] == 503
    stack.redis.config_set("maxmemory", 0)
    wait_until(lambda: booker.book(show, "A2", idempotency_key=key)[0] == 202, "another body is taken under the key")


def test_a_publisher_that_is_killed_between_remembers(own_stack):
    stack = own_stack()
    booker, show, key = Booker(stack), stack.show("A1"), new_id()
    first = booker.book(show, "A1", idempotency_key=key)[2]
    stack.kill("publisher")
    stack.wait_ready("publisher")
    status, headers, again = booker.book(show, "A1", idempotency_key=key)
    assert (status, headers["Idempotent-Replayed"], again) == (202, "true", first)
    assert len(entries_of(stack, show)) == 1


def test_a_redis_that_forgot_everything_does_not_make_a_second_booking(own_stack):
    stack = own_stack()
    booker, show, key = Booker(stack), stack.show("A1", "A2"), new_id()
    booking = booker.book(show, "A1", idempotency_key=key)[2]["booking_id"]
    stack.wait_for(booking, "CONFIRMED")
    stack.wait_drained()
    stack.redis.delete(*stack.redis.keys("karcis:asked:*"))
    again = booker.book(show, "A1", idempotency_key=key, prefer="wait=5")
    assert (again[0], again[2]["booking_id"], again[2]["status"]) == (201, booking, "CONFIRMED")
    stack.redis.delete(*stack.redis.keys("karcis:asked:*"))
    other = booker.book(show, "A2", idempotency_key=key)  # taken at the door, refused by the flow
    assert (other[0], other[2]["booking_id"]) == (202, booking)
    entry = stack.entries("booking.requested", booking)[-1][0]
    assert stack.wait_dead(entry)["reason"] == "booking_id_reused"
    stack.redis.delete(*stack.redis.keys("karcis:asked:*"))
    waited = booker.book(show, "A2", idempotency_key=key, prefer="wait=5")  # the store knows the booking, though
    assert (waited[0], waited[2]["code"]) == (422, "idempotency_key_reused")
    assert stack.open_seats(show) == ["A2"]


def test_what_is_asked_again_after_its_entry_was_dropped_is_done_all_the_same(own_stack):
    stack = own_stack()
    booker, show, key = Booker(stack), stack.show("A1"), new_id()
    stack.remove("ticket-worker-1")
    booking = booker.book(show, "A1", idempotency_key=key)[2]["booking_id"]
    stack.delete_streams()
    stack.add("ticket-worker")
    assert booker.book(show, "A1", idempotency_key=key)[0] == 202
    stack.wait_for(booking, "CONFIRMED")


@pytest.fixture
def second_publisher(stack):
    """The port of another publisher beside the stack's own."""
    port = stack.port_base + 9
    environment = {**stack.environment(), **{name: stack.env[name] for name in ("CLIENT_KEY", "ADMIN_KEY")},
                   "HTTP_LISTEN": f"127.0.0.1:{port}", "DATABASE_URL": stack.role_url("publisher"),
                   "REDIS_URL": f"redis://publisher:{stack.secrets['PUBLISHER_REDIS_PASSWORD']}@127.0.0.1:{stack.port_base + 3}"}
    process = subprocess.Popen([f"{BIN_DIR}/publisher"], env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: stack.http("GET", port, "/readyz")[0] == 200, "the second publisher is ready")
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_two_publishers_that_get_the_same_request_at_once_make_one_booking(stack, booker, second_publisher):
    show = stack.show(seats=20)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for seat in stack.seats(show):
            key = new_id()
            answers = [future.result() for future in [
                pool.submit(booker.book, show, seat, idempotency_key=key, prefer="wait=10", port=port)
                for port in (stack.port("publisher"), second_publisher) * 4]]
            assert {status for status, _, _ in answers} == {201}
            assert len({answer["booking_id"] for _, _, answer in answers}) == 1
            assert sum(headers["Idempotent-Replayed"] is None for _, headers, _ in answers) == 1
    assert len(entries_of(stack, show)) == 20
