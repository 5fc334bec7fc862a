"""What clients and watchers see over HTTP: publisher takes shows and bookings, aggregator shows what became of them."""
import json
import signal

import pytest

from karcis import new_id, wait_until


class Client:
    def __init__(self, stack):
        self.stack = stack
        self.keys = {"admin": stack.env["ADMIN_KEY"], "client": stack.env["CLIENT_KEY"], "wrong": "x" * 32}

    def _ask(self, program, method, path, body, key, timeout):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if key:
            headers["Authorization"] = f"Bearer {self.keys[key]}"
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        status, answer = self.stack.http(method, self.stack.port(program), path, text, headers, timeout)
        return status, json.loads(answer) if answer else None

    def post(self, path, body, key="client", timeout=10):
        return self._ask("publisher", "POST", path, body, key, timeout)

    def get(self, path):
        return self._ask("aggregator-1", "GET", path, None, None, 10)

    def make_show(self, **members):
        show = {"id": f"http-{new_id()[:8]}", "title": "Wayang", "price": {"amount": 75000, "currency": "IDR"}, **members}
        status, made = self.post("/shows", show, "admin")
        assert status == 201, made
        return made

    def booking_with(self, booking, status):
        def has_status():
            found = self.get(f"/bookings/{booking}")
            assert found[0] == 200 and found[1]["status"] == status, found
            return found[1]
        return wait_until(has_status, f"GET /bookings/{booking} says {status}")


@pytest.fixture
def client(stack):
    return Client(stack)


def test_a_booking_posted_is_accepted_confirmed_and_shown(client):
    show = client.make_show(seats=["A1", "A2"])
    status, accepted = client.post("/bookings", {"user": "ayu", "show": show["id"], "seats": ["A1"]})
    assert (status, accepted["status"]) == (202, "REQUESTED")
    booking = client.booking_with(accepted["booking_id"], "CONFIRMED")
    assert (booking["user"], booking["show"], booking["seats"]) == ("ayu", show["id"], ["A1"])
    assert booking["amount"] == {"amount": 75000, "currency": "IDR"}
    assert booking["invoice_no"].startswith("INV-") and booking["invoice_no"] in booking["payment_url"]
    assert booking["requested_at"] <= booking["closed_at"] and booking["waitlist"] is None


def test_a_booking_that_nobody_has_decided_yet_is_requested(client, stack):
    show = client.make_show(seats=["A1"])
    stack.remove("ticket-worker-1")
    accepted = client.post("/bookings", {"user": "ayu", "show": show["id"], "seats": ["A1"]})[1]
    booking = client.booking_with(accepted["booking_id"], "REQUESTED")
    assert (booking["user"], booking["seats"], booking["closed_at"]) == ("ayu", ["A1"], None)
    stack.add("ticket-worker")
    client.booking_with(accepted["booking_id"], "CONFIRMED")


def test_who_comes_second_sees_the_place_in_the_waitlist(client):
    show = client.make_show(seats=["A1"])
    ids = [client.post("/bookings", {"user": user, "show": show["id"], "seats": ["A1"]})[1]["booking_id"]
           for user in ("ayu", "budi", "citra")]
    client.booking_with(ids[0], "CONFIRMED")
    assert client.booking_with(ids[1], "WAITLISTED")["waitlist"] == {"position": 1, "length": 2}
    assert client.booking_with(ids[2], "WAITLISTED")["waitlist"] == {"position": 2, "length": 2}


@pytest.mark.parametrize("body, pointer", [
    ({"show": "demo", "seats": ["A1"]}, "/user"),
    ({"user": "ayu", "seats": ["A1"]}, "/show"),
    ({"user": "ayu", "show": "demo"}, ""),
    ({"user": "ayu", "show": "demo", "seats": ["A1"], "quantity": 1}, ""),
    ({"user": "ayu", "show": "demo", "seats": ["A1", "A1"]}, "/seats"),
    ({"user": "ayu", "show": "demo", "quantity": 0}, "/quantity"),
    ({"user": "ayu", "show": "demo", "quantity": 1.5}, "/quantity"),
    ({"user": "ayu", "show": "demo", "quantity": True}, "/quantity"),
    ({"user": "a b", "show": "demo", "quantity": 1}, "/user"),
    ({"user": "ayu", "show": "demo", "quantity": 1, "payment": "cash"}, "/payment"),
])
def test_a_booking_that_makes_no_sense_is_refused_by_name_and_not_enqueued(client, stack, body, pointer):
    before = stack.redis.xlen("booking.requested")
    status, problem = client.post("/bookings", body)
    assert (status, problem["status"]) == (422, 422)
    assert any(error["pointer"].startswith(pointer) for error in problem["errors"]), problem
    assert stack.redis.xlen("booking.requested") == before


def test_a_body_that_is_no_json_is_refused(client):
    for body in ("", "{", "[1", '{"user":"ayu","user":"budi"}', "\x00"):
        assert client.post("/bookings", body)[0] == 400
    assert client.post("/bookings", json.dumps({"user": "x" * 2_000_000}))[0] == 413


def test_writing_needs_a_key_and_the_catalog_the_admins(client, stack):
    booking = {"user": "ayu", "show": "demo", "seats": ["A1"]}
    show = {"id": "secret", "title": "x", "price": {"amount": 1, "currency": "IDR"}, "capacity": 1}
    for key in (None, "wrong"):
        assert client.post("/bookings", booking, key)[0] == 401
        assert client.post("/shows", show, key)[0] == 401
    assert client.post("/shows", show, "client")[0] == 403
    assert stack.one("SELECT count(*) FROM ticketing.shows WHERE show_id = 'secret'") == 0


def test_a_show_is_made_once_with_its_seats_and_they_are_listed_by_status(client):
    show = client.make_show(seats=["B1", "A1", "A2"])
    assert client.post("/shows", {**show, "id": show["id"], "seats": ["Z1"]}, "admin")[0] in (409, 422)
    booking = client.post("/bookings", {"user": "ayu", "show": show["id"], "seats": ["A1"]})[1]["booking_id"]
    client.booking_with(booking, "CONFIRMED")
    path = f"/shows/{show['id']}/seats"
    assert [seat["label"] for seat in client.get(path)[1]["items"]] == ["A1", "A2", "B1"]
    booked = client.get(f"{path}?status=BOOKED")[1]["items"]
    assert [(seat["label"], seat["status"], seat["booking_id"]) for seat in booked] == [("A1", "BOOKED", booking)]
    counts = {status: len(client.get(f"{path}?status={status}")[1]["items"]) for status in ("OPEN", "ON_GOING", "BOOKED")}
    assert counts == {"OPEN": 2, "ON_GOING": 0, "BOOKED": 1}
    assert client.get(f"{path}?status=SOLD")[0] == 422
    found = client.get(f"/shows/{show['id']}")[1]
    assert (found["open"], found["on_going"], found["booked"]) == (2, 0, 1)


def test_a_show_with_a_capacity_has_seats_that_nobody_chooses(client):
    show = client.make_show(capacity=12)
    found = client.get(f"/shows/{show['id']}")[1]
    assert (found["capacity"], found["open"]) == (12, 12)
    booking = client.post("/bookings", {"user": "ayu", "show": show["id"], "quantity": 10})[1]["booking_id"]
    assert len(client.booking_with(booking, "CONFIRMED")["seats"]) == 10


def test_lists_are_walked_page_by_page_and_each_item_comes_once(client):
    made = {client.make_show(capacity=1)["id"] for _ in range(5)}
    seen, after = [], ""
    while after is not None:
        page = client.get(f"/shows?limit=2{'&after=' + after if after else ''}")[1]
        seen += [show["id"] for show in page["items"]]
        after = page["next"]
    assert len(seen) == len(set(seen)) and made <= set(seen)
    for limit in ("0", "-1", "1001", "abc", ""):
        assert client.get(f"/shows?limit={limit}")[0] == 422


def test_the_event_log_shows_each_fact_once_in_the_order_of_time(client, stack):
    show = client.make_show(seats=["A1"])
    booking = client.post("/bookings", {"user": "ayu", "show": show["id"], "seats": ["A1"]})[1]["booking_id"]
    client.booking_with(booking, "CONFIRMED")
    stack.wait_drained()
    for stream in ("seat.held", "invoice.created", "payment.done", "booking.closed"):
        newest = client.get(f"/events?topic={stream}&order=desc&limit=1")[1]["items"][0]
        assert (newest["topic"], newest["payload"]["booking_id"]) == (stream, booking)
    assert client.get("/events?topic=nothing")[1] == {"items": [], "next": None}
    items, after = [], ""
    while after is not None:
        page = client.get(f"/events?limit=7{'&after=' + after if after else ''}")[1]
        items += page["items"]
        after = page["next"]
    keys = [(event["topic"], event["event_id"]) for event in items]
    assert len(keys) == len(set(keys)) == stack.one("SELECT count(*) FROM log.events")
    assert [event["timestamp"] for event in items] == sorted(event["timestamp"] for event in items)


def test_what_does_not_exist_is_a_problem_in_json(client):
    for path in ("/nothing", "/shows/nothing", f"/bookings/{new_id()}", "/bookings/x"):
        status, problem = client.get(path)
        assert (status, problem["status"], problem["code"]) == (404, 404, "not_found")


def test_while_redis_does_not_answer_bookings_are_refused_and_taken_again_afterwards(client, stack):
    show = client.make_show(seats=["A1"])
    booking = {"user": "ayu", "show": show["id"], "seats": ["A1"]}
    stack.signal("redis", signal.SIGSTOP)
    try:
        status, problem = client.post("/bookings", booking, timeout=15)
        assert (status, problem["status"]) == (503, 503)
    finally:
        stack.signal("redis", signal.SIGCONT)

    def is_accepted():
        status, accepted = client.post("/bookings", booking)
        assert status == 202, accepted
        return accepted["booking_id"]
    accepted = wait_until(is_accepted, "POST /bookings is accepted again")
    wait_until(lambda: stack.booking(accepted), "the booking is decided")
    stack.wait_drained()


def test_every_program_says_that_it_lives_works_and_what_it_counts(stack):
    for name in ("publisher", "aggregator-1", "ticket-worker-1", "payment-worker-1"):
        port = stack.port(name)
        assert stack.http("GET", port, "/healthz")[0] == 200
        assert stack.http("GET", port, "/readyz")[0] == 200
        assert stack.http("GET", port, "/metrics")[0] == 200
    text = stack.http("GET", stack.port("ticket-worker-1"), "/metrics")[1].decode()
    assert 'karcis_step_entries_total{step="hold"}' in text
