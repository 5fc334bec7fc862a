"""docs/openapi.yaml says what the programs answer over HTTP: every operation is driven, and what comes back is held against it.

A description without a route fails, a route without a description, an operation without an example here, and an answer whose
status, type, headers, members or events are not described. openapi.py is what does the holding against."""
import subprocess

import jsonschema
import pytest

from karcis import BIN_DIR, PROGRAMS, new_id, wait_until
from live import Listener
from openapi import DOCUMENT, ELSEWHERE, METHODS, OPERATIONS, PRICE, World, references, resolved

EXAMPLES = {}
PASSWORD = "correct horse battery"
LONG_AGO = "2020-01-01T00:00:00+07:00"


def example(operation):
    def keep(function):
        EXAMPLES.setdefault(operation, []).append(function)
        return function
    return keep


# ---- an example of each operation: it succeeds, and fails in what ways can be brought about ----

@example("addShow")
def add_show(world):
    show = world.show(venue="Solo", starts_at="2030-01-05T19:30:00+07:00", organizer_url="http://organizer.example/")
    world.call("addShow", status=201, body={"title": "Standing", "price": PRICE, "capacity": 3})
    world.call("addShow", status=409, body={"id": show, "title": "T", "price": PRICE, "capacity": 1})


@example("listShows")
def list_shows(world):
    page = world.call("listShows", status=200, query={"limit": 1}).body
    world.call("listShows", status=200, query={"after": page["next"], "title": "a"})
    world.call("listShows", status=200, query={"page": 1, "pageSize": 1000})
    world.call("listShows", status=400, query={"page": 0})
    world.call("listShows", status=422, query={"limit": 0})


@example("getShow")
def get_show(world):
    world.call("getShow", "demo-standing", status=200)
    tag = world.call("getShow", "demo", status=200).headers["ETag"]
    world.call("getShow", "demo", status=304, headers={"If-None-Match": tag})


@example("replaceShow")
def replace_show(world):
    show = world.show()
    tag = world.call("replaceShow", show, status=200, body={"title": "New", "price": PRICE}).headers["ETag"]
    world.call("replaceShow", show, status=200, body={"title": "Newer", "price": PRICE, "seats": ["A2"]}, headers={"If-Match": tag})
    world.call("replaceShow", show, status=412, body={"title": "Newest", "price": PRICE}, headers={"If-Match": tag})
    world.call("replaceShow", show, status=409, body={"title": "Newest", "price": PRICE, "capacity": 1})
    world.call("replaceShow", "nothing", status=404, body={"title": "New", "price": PRICE})


@example("changeShow")
def change_show(world):
    show = world.show()
    tag = world.call("changeShow", show, status=200, body={"venue": None, "price": {"amount": 1}}).headers["ETag"]
    world.call("changeShow", show, status=200, body={"title": "New"}, headers={"If-Match": tag}, content_type="application/json")
    world.call("changeShow", show, status=412, body={"title": "Newer"}, headers={"If-Match": tag})
    world.call("changeShow", show, status=409, body={"capacity": 1})
    world.call("changeShow", "nothing", status=404, body={})


@example("removeShow")
def remove_show(world):
    show, used = world.show(), world.show()
    world.confirmed(used, "A1")
    world.call("removeShow", used, status=409)
    world.call("removeShow", show, status=412, headers={"If-Match": '"1"'})
    world.call("removeShow", show, status=400, headers={"If-Match": "1"})
    world.call("removeShow", show, status=204)


@example("listSeats")
def list_seats(world):
    show = world.show()
    world.confirmed(show, "A1")
    world.call("listSeats", show, status=200, query={"status": "BOOKED"})
    tag = world.call("listSeats", show, status=200).headers["ETag"]
    world.call("listSeats", show, status=304, headers={"If-None-Match": tag})
    world.call("listSeats", show, status=422, query={"status": "SOLD"})


@example("addSeats")
def add_seats(world):
    show = world.show()
    world.call("addSeats", show, status=201, body={"label": "B1", "price": PRICE})
    world.call("addSeats", show, status=201, body=[{"label": "B2", "price": None}, {"label": "B3"}])
    world.call("addSeats", show, status=409, body={"label": "B1"})
    world.call("addSeats", "nothing", status=404, body={"label": "B1"})


@example("getSeat")
def get_seat(world):
    tag = world.call("getSeat", "demo", "A1", status=200).headers["ETag"]
    world.call("getSeat", "demo", "A1", status=304, headers={"If-None-Match": tag})


@example("replaceSeat")
def replace_seat(world):
    show = world.show()
    tag = world.call("replaceSeat", show, "A1", status=200, body={"price": PRICE}).headers["ETag"]
    world.call("replaceSeat", show, "A1", status=200, body={"price": {"amount": 1, "currency": "IDR"}}, headers={"If-Match": tag})
    world.call("replaceSeat", show, "A1", status=412, body={"price": PRICE}, headers={"If-Match": tag})
    world.call("replaceSeat", show, "Z9", status=404, body={"price": PRICE})


@example("changeSeat")
def change_seat(world):
    show = world.show()
    tag = world.call("changeSeat", show, "A1", status=200, body={"price": {"amount": 1, "currency": "IDR"}}).headers["ETag"]
    world.call("changeSeat", show, "A1", status=200, body={"price": None}, headers={"If-Match": tag})
    world.call("changeSeat", show, "A1", status=412, body={}, headers={"If-Match": tag})
    world.call("changeSeat", show, "Z9", status=404, body={})


@example("removeSeat")
def remove_seat(world):
    show = world.show()
    world.confirmed(show, "A1")
    world.call("removeSeat", show, "A1", status=409)
    world.call("removeSeat", show, "A1", status=412, headers={"If-Match": '"1"'})
    world.call("removeSeat", show, "A2", status=204)


@example("requestBooking")
def request_booking(world):
    show = world.show()
    world.call("requestBooking", status=202, body={"user": "ayu", "show": show, "seats": ["A1"], "waitlist": "no", "payment": "link"})
    world.call("requestBooking", status=202, body={"user": "ayu", "show": show, "quantity": 1}, key="admin")
    session = world.session("budi")
    world.call("requestBooking", status=202, body={"show": show, "seat": "A1"}, headers=session)
    world.call("requestBooking", status=403, body={"user": "ayu", "show": show, "seat": "A1"}, headers=session)


@example("requestBooking")
def wait_for_booking(world):
    show, wait = world.show(), {"Prefer": "wait=9"}
    booked = world.call("requestBooking", status=201, body={"user": "ayu", "show": show, "seat": "A1"}, headers=wait).body
    world.call("getBooking", booked["booking_id"], status=200)
    for body, status in (({"seat": "A1"}, "WAITLISTED"), ({"seat": "Z9"}, "REJECTED")):
        answer = world.call("requestBooking", status=201, body={"user": "ayu", "show": show, **body}, headers=wait)
        assert answer.body["status"] == status
    with world.nobody_decides():
        answer = world.call("requestBooking", status=202, body={"user": "ayu", "show": show, "seat": "A2"}, headers={"Prefer": "wait=1"})
        assert answer.headers["Preference-Applied"] == "wait=1"


@example("requestBooking")
def repeat_booking(world):
    show, key = world.show(), {"Idempotency-Key": new_id()}
    body = {"user": "ayu", "show": show, "seat": "A1"}
    first = world.call("requestBooking", status=202, body=body, headers=key)
    again = world.call("requestBooking", status=202, body=body, headers=key)
    assert (first.headers["Idempotent-Replayed"], again.headers["Idempotent-Replayed"]) == (None, "true")
    assert world.call("requestBooking", status=422, body={**body, "seat": "A2"}, headers=key).body["code"] == "idempotency_key_reused"
    world.call("requestBooking", status=400, body=body, headers={"Idempotency-Key": "x" * 256})


@example("getBooking")
def get_booking(world):
    show = world.show()
    world.call("getBooking", world.confirmed(show, "A1"), status=200)
    for asked, status in (({"seats": "A1"}, "WAITLISTED"), ({"seats": "A1", "waitlist": "no"}, "REJECTED"),
                          ({"seats": "A2", "payment": "link"}, "AWAITING_PAYMENT")):
        booking = world.booked(show, status, **asked)
        assert world.call("getBooking", booking, status=200).body["status"] == status
    with world.nobody_decides():
        asked = world.call("requestBooking", status=202, body={"user": "ayu", "show": show, "seat": "A1"}).body["booking_id"]
        assert world.call("getBooking", asked, status=200).body["status"] == "REQUESTED"
        assert world.call("getBookingHistory", asked, status=200).body["status"] == "REQUESTED"


@example("getBookingHistory")
def get_booking_history(world):
    show = world.show()
    for booking in (world.confirmed(show, "A1"), world.booked(show, "WAITLISTED", seats="A1")):
        assert len(world.call("getBookingHistory", booking, status=200).body["items"]) > 1
        assert world.call("getBookingHistory", booking, status=200, query={"as_of": LONG_AGO}).body["status"] is None
    world.call("getBookingHistory", booking, status=404, headers=world.session())
    world.call("getBookingHistory", booking, status=422, query={"as_of": "yesterday"})


@example("cancelBooking")
def cancel_booking(world):
    booking = world.confirmed(world.show(), "A1")
    world.call("cancelBooking", booking, status=202, body={"reason": "rain"}, headers={"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"})
    world.call("cancelBooking", booking, status=202)
    world.call("cancelBooking", booking, status=404, headers=world.session())
    world.call("cancelBooking", "7", status=404)


@example("getInvoice")
def get_invoice(world):
    show = world.show()
    for booking in (world.confirmed(show, "A1"), world.booked(show, "AWAITING_PAYMENT", seats="A2", payment="link")):
        number = world.call("getBooking", booking, status=200).body["invoice_no"]
        world.call("getInvoice", number, status=200)
        world.call("getInvoice", number, status=404, headers=world.session())


@example("getSeatHistory")
def get_seat_history(world):
    show = world.show()
    assert world.call("getSeatHistory", show, "A1", status=200).body["items"] == []
    world.confirmed(show, "A1")
    after = wait_until(lambda: world.call("getSeatHistory", show, "A1", status=200, query={"limit": 1}).body["next"], "it has changed twice")
    assert world.call("getSeatHistory", show, "A1", status=200, query={"after": after}).body["items"]
    assert world.call("getSeatHistory", show, "A1", status=200, query={"as_of": LONG_AGO}).body["status"] is None
    world.call("getSeatHistory", show, "A1", status=422, query={"as_of": "yesterday"})


@example("getWaitlist")
def get_waitlist(world):
    show = world.show()
    world.confirmed(show, "A1")
    for _ in range(2):
        world.booked(show, "WAITLISTED", seats="A1")
    page = world.call("getWaitlist", show, status=200, query={"limit": 1}).body
    assert world.call("getWaitlist", show, status=200, query={"after": page["next"]}).body["items"][0]["user"] == "ayu"
    assert world.call("getWaitlist", show, status=200, headers=world.session()).body["items"][0]["user"] is None
    world.call("getWaitlist", show, status=422, query={"after": "?"})


# ---- users ----

@example("addUser")
def add_user(world):
    email = f"{new_id()}@example.com"
    name = world.user(email=email, password=PASSWORD)
    world.user(email=None)
    world.call("addUser", status=409, body={"name": name})
    world.call("addUser", status=409, body={"name": f"user-{new_id()[:8]}", "email": email.upper()})


@example("listUsers")
def list_users(world):
    world.user(), world.user(email=f"{new_id()}@example.com")
    page = world.call("listUsers", status=200, query={"limit": 1}).body
    world.call("listUsers", status=200, query={"after": page["next"]}, key="client")
    world.call("listUsers", status=403, headers=world.session())
    world.call("listUsers", status=422, query={"limit": 0})


@example("getUser")
def get_user(world):
    name = world.user(email=f"{new_id()}@example.com")
    world.call("getUser", name, status=200)
    world.call("getUser", name, status=200, headers=world.session(name))
    world.call("getUser", name, status=403, headers=world.session())


def change(world, operation):
    name = world.user(password=PASSWORD)
    session = world.session(name, password=PASSWORD)
    email = f"{new_id()}@example.com"
    tag = world.call(operation, name, status=200, body={"email": email}, headers=session).headers["ETag"]
    world.call(operation, name, status=200, body={"password": PASSWORD + "!"}, headers={"If-Match": tag})
    world.call(operation, name, status=412, body={"email": None}, headers={"If-Match": tag})
    world.call(operation, name, status=400, body={"email": None}, headers={"If-Match": "1"})
    world.call(operation, world.user(), status=409, body={"email": email})
    world.call(operation, name, status=403, body={"email": None}, headers=world.session())
    world.call(operation, "nobody-of-this-name", status=404, body={"email": None}, content_type="application/merge-patch+json")


@example("changeUser")
def change_user(world):
    change(world, "changeUser")
    guest = world.session(name := f"user-{new_id()[:8]}")
    world.call("changeUser", name, status=403, body={"password": PASSWORD}, headers=guest)


@example("replaceUser")
def replace_user(world):
    change(world, "replaceUser")


@example("removeUser")
def remove_user(world):
    name = world.user(password=PASSWORD)
    world.call("removeUser", name, status=412, headers={"If-Match": '"7"'})
    world.call("removeUser", name, status=403, headers=world.session())
    world.call("removeUser", name, status=204, headers=world.session(name, password=PASSWORD))


@example("listUserBookings")
def list_user_bookings(world):
    show, name = world.show(), world.user()
    for seat, status in (("A1", "CONFIRMED"), ("A1", "WAITLISTED"), ("Z9", "REJECTED")):
        world.booked(show, status, seats=seat, user=name)
    page = world.call("listUserBookings", name, status=200, query={"limit": 1}).body
    world.call("listUserBookings", name, status=200, query={"after": page["next"]}, headers=world.session(name))
    assert world.call("listUserBookings", world.user(), status=200).body["items"] == []
    world.call("listUserBookings", name, status=403, headers=world.session())
    world.call("listUserBookings", name, status=422, query={"limit": 0})


@example("logIn")
def log_in(world):
    name = world.user(password=PASSWORD)
    world.session(name, password=PASSWORD)
    world.session()
    world.call("logIn", status=401, body={"name": name})
    world.call("logIn", status=403, body={"name": name, "password": PASSWORD}, headers=ELSEWHERE)
    name = f"user-{new_id()[:8]}"
    for _ in range(10):
        world.call("logIn", status=401, body={"name": name, "password": "wrong password"})
    world.call("logIn", status=429, body={"name": name, "password": "wrong password"})


@example("getSession")
def get_session(world):
    world.call("getSession", status=200, headers=world.session())
    for role in ("gate", "client", "admin"):
        assert world.call("getSession", status=200, key=role).body["role"] == role
    world.call("getSession", status=401)


@example("logOut")
def log_out(world):
    session = world.session()
    assert world.call("logOut", status=204, headers=session).headers["Set-Cookie"]
    world.call("getSession", status=401, headers=session)
    world.call("logOut", status=204)


# ---- the original shop ----

@example("listStages")
def list_stages(world):
    world.call("addShow", status=201, body={"title": "Bare", "price": PRICE, "capacity": 3})
    world.call("addShow", status=201, body={"title": "Full", "price": PRICE, "capacity": 3, "starts_at": "2030-01-05T19:30:00+07:00",
                                            "doors_at": "2030-01-05T18:30:00+07:00"})
    page = world.call("listStages", status=200, query={"limit": 1}).body
    world.call("listStages", status=200, query={"after": page["next"]})
    world.call("listStages", status=422, query={"limit": 0})


@example("buyTickets")
def buy_tickets(world):
    show = world.call("addShow", status=201, body={"title": "Standing", "price": PRICE, "capacity": 3}).body["id"]
    body, key = {"username": "ayu", "stage_id": show, "qty": 2}, {"Idempotency-Key": new_id()}
    for replayed in (None, "true"):
        assert world.call("buyTickets", status=200, body=body, headers=key).headers["Idempotent-Replayed"] == replayed
    world.call("buyTickets", status=422, body={**body, "qty": 1}, headers=key)
    world.call("buyTickets", status=400, body=body)
    world.call("buyTickets", status=400, body={})
    session = world.session()
    world.call("buyTickets", status=403, body=body, headers=session)
    world.call("buyTickets", status=200, body={"stage_id": show, "qty": 1}, headers=session)


@example("buyTickets")
def buy_tickets_and_wait_in_vain(world):
    show = world.call("addShow", status=201, body={"title": "Standing", "price": PRICE, "capacity": 3}).body["id"]
    with world.nobody_decides():
        world.call("buyTickets", status=202, body={"username": "ayu", "stage_id": show, "qty": 1})


@example("listMyTickets")
def list_my_tickets(world):
    name = world.user()
    assert world.call("listMyTickets", status=200, query={"username": name}).body == []
    world.booked(world.show(starts_at="2030-01-05T19:30:00+07:00"), "CONFIRMED", seats="A1,A2", user=name)
    assert len(world.call("listMyTickets", status=200, query={"username": name}, headers=world.session(name)).body) == 2
    world.call("listMyTickets", status=403, query={"username": name}, headers=world.session())
    world.call("listMyTickets", status=400)


# ---- keys ----

@example("addKey")
def add_key(world):
    for role in ("admin", "client", "gate"):
        made = world.call("addKey", status=201, body={"role": role, "name": f"{role} {new_id()}"}).body
    world.call("addKey", status=409, body={"role": "gate", "name": made["name"]})


@example("listKeys")
def list_keys(world):
    for _ in range(2):
        made = world.call("addKey", status=201, body={"role": "gate", "name": new_id()}).body
    world.call("revokeKey", made["id"], status=204)
    page = world.call("listKeys", status=200, query={"limit": 1}).body
    world.call("listKeys", status=200, query={"after": page["next"], "limit": 1000})
    world.call("listKeys", status=422, query={"limit": 0})


@example("revokeKey")
def revoke_key(world):
    made = world.call("addKey", status=201, body={"role": "client", "name": new_id()}).body
    world.call("revokeKey", made["id"], status=204)
    world.call("revokeKey", made["id"], status=404)


# ---- events and operations ----

@example("publish")
def publish(world):
    event = {"topic": "gate.opened", "event_id": new_id(), "timestamp": "2026-11-21T19:30:00+07:00", "source": "gate-1", "payload": {"gate": 1}}
    cloud = {"specversion": "1.0", "type": "gate.opened", "source": "gate-1", "id": new_id(), "data": {}}
    for body, kind in ((event, "application/json"), ([event], "application/json"), ({"events": [event]}, "application/json"),
                       ({"id": new_id(), "payload": {}}, "application/json"), (cloud, "application/cloudevents+json"),
                       ([cloud, cloud], "application/cloudevents-batch+json")):
        world.call("publish", status=202, body=body, content_type=kind)
    world.call("publish", status=400, body=[])
    world.call("publish", status=422, body=[event, {**event, "topic": "dead"}])


@example("listEvents")
def list_events(world):
    world.confirmed(world.show(), "A1")
    world.stack.wait_drained()
    page = world.call("listEvents", status=200, query={"limit": 1}).body
    world.call("listEvents", status=200, query={"after": page["next"], "topic": "seat.held", "order": "desc"})
    world.call("listEvents", status=422, query={"order": "up"})


@example("getStats")
def get_stats(world):
    world.confirmed(world.show(), "A1")
    world.call("getStats", status=200)


@example("listen")
def listen(world):
    show = world.show()
    world.call("listen", status=200, query={"show": show})
    world.call("listen", status=422, query={"show": show, "booking": new_id()})
    with Listener(world.stack, last="strange") as listener:
        listener.ready()
        world.confirmed(show, "A1")
        world.booked(show, "REJECTED", seats="Z9")
        listener.wait(lambda: listener.has("booking", status="REJECTED", reason="unknown_seat") and listener.of("stats"), "all is told")
    world.check_events("listen", listener.events)


@example("listDeadLetters")
def list_dead_letters(world):
    world.dead_letter()
    assert world.call("listDeadLetters", status=200, query={"replayed": "no", "limit": 1}).body["items"]
    world.call("listDeadLetters", status=422, query={"replayed": "maybe"})


@example("getDeadLetter")
def get_dead_letter(world):
    world.call("getDeadLetter", world.dead_letter(), status=200)


@example("replayDeadLetter")
def replay_dead_letter(world):
    world.call("replayDeadLetter", world.dead_letter(), status=202)
    world.call("replayDeadLetter", world.dead_letter(note="x" * 300000), status=422)


@example("getHealth")
def get_health(world):
    for program in PROGRAMS:
        world.call("getHealth", status=200, program=program)


@example("getReadiness")
def get_readiness(world):
    for program in PROGRAMS:
        world.call("getReadiness", status=200, program=program)


@example("getMetrics")
def get_metrics(world):
    for program in PROGRAMS:
        world.call("getMetrics", status=200, program=program)


# ---- what holds for all ----

@pytest.fixture
def world(stack):
    return World(stack)


def routes(program):
    done = subprocess.run([f"{BIN_DIR}/{program}", "--routes"], check=True, capture_output=True, text=True)
    return {tuple(line.split()) for line in done.stdout.splitlines()}


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_route_is_described_and_every_description_is_a_route(program):
    described = {operation.route() for operation in OPERATIONS.values() if program in operation.programs()}
    assert {"without a description": sorted(routes(program) - described), "without a route": sorted(described - routes(program))} == {
        "without a description": [], "without a route": []}


def test_every_operation_has_an_example():
    assert {"without an example": sorted(set(OPERATIONS) - set(EXAMPLES)), "unknown": sorted(set(EXAMPLES) - set(OPERATIONS))} == {
        "without an example": [], "unknown": []}


@pytest.mark.parametrize("operation", EXAMPLES)
def test_an_operation_answers_as_described(world, operation):
    for show_it in EXAMPLES[operation]:
        show_it(world)
    assert any(seen == operation and status < 400 for seen, status in world.seen)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_an_operation_refuses_as_described(world, operation):
    """What every operation refuses in the same way: who does not hold what is needed, no JSON, too much of it, an unknown id."""
    values = operation.nobodys_values()
    world.call(operation.id, *values, status=400, query="broken=%zz", body={} if operation.body else None)
    world.call(operation.id, *values, status=401, key="wrong")
    if operation.who != "anyone":
        world.call(operation.id, *values, status=401, key="none")
        world.call(operation.id, *values, status=403, key="gate")
    if operation.who in ("client", "admin"):
        world.call(operation.id, *values, status=403, headers=world.session())
    if operation.who == "admin":
        world.call(operation.id, *values, status=403, key="client")
    if operation.method != "GET":
        world.call(operation.id, *values, status=403, headers={**world.session(), **ELSEWHERE})
    if operation.body:
        refuses_bodies(world, operation, values)
    elif values:
        world.call(operation.id, *values, status=404)


def refuses_bodies(world, operation, values):
    is_lenient = operation.id == "buyTickets"  # the original shop's way: no type matters, and all that is wrong is 400
    world.call(operation.id, *values, status=400, body="{")
    world.call(operation.id, *values, status=413, body=f'"{"x" * 1100000}"')
    world.call(operation.id, *values, status=400 if is_lenient else 415, body="{}", content_type="text/plain")
    world.call(operation.id, *values, status=400 if is_lenient else 422, body="[7]")


def test_who_asks_too_often_is_refused_as_described(own_stack):
    """By an address that the proxy says, so that nobody else's requests are counted with it. The workers serve no clients."""
    world, headers = World(own_stack(RATE_LIMIT_PER_ADDRESS=1)), {"X-Forwarded-For": "203.0.113.1"}
    for operation in OPERATIONS.values():
        for program in {"publisher", "aggregator"} & set(operation.programs()):
            wait_until(lambda: is_refused(world, operation, headers, program), f"{operation.id} is asked too often")


def is_refused(world, operation, headers, program):
    answer = world.ask(operation, operation.nobodys_values(), None, None, "none", headers, program, None)
    world.check(operation, answer)
    return answer.status == 429


def test_the_document_is_in_order():
    """No name twice, nothing unknown referred to, nothing defined that nobody uses, and every schema is one."""
    described = [said for item in DOCUMENT["paths"].values() for method, said in item.items() if method in METHODS]
    assert len(OPERATIONS) == len(described)
    used = set(references(DOCUMENT))
    for reference in used:
        resolved({"$ref": reference})
    defined = {f"#/components/{kind}/{name}" for kind, things in DOCUMENT["components"].items() for name in things
               if kind != "securitySchemes"}
    assert defined == used
    for said in described:
        names = {tag["name"] for tag in DOCUMENT["tags"]}
        assert said["summary"] and set(said["tags"]) <= names
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
