"""docs/openapi.yaml says what the programs answer over HTTP: every operation is driven, and what comes back is held against it.

A description without a route fails, a route without a description, an operation without an example here, and an answer whose
status, type, headers or members are not described. openapi.py is what does the holding against."""
import subprocess

import jsonschema
import pytest

from karcis import BIN_DIR, PROGRAMS, new_id
from openapi import DOCUMENT, METHODS, OPERATIONS, PRICE, World, references, resolved

EXAMPLES = {}


def example(operation):
    def keep(function):
        EXAMPLES[operation] = function
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
    EXAMPLES[operation](world)
    assert any(seen == operation and status < 400 for seen, status in world.seen)


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_an_operation_refuses_as_described(world, operation):
    """What every operation refuses in the same way: no key, another's key, no JSON, too much of it, an unknown id."""
    values = operation.nobodys_values()
    world.call(operation.id, *values, status=400, query="broken=%zz", body={} if operation.body else None)
    if operation.who != "anyone":
        world.call(operation.id, *values, status=401, key="nobody")
    if operation.who == "admin":
        world.call(operation.id, *values, status=403, key="client")
    if operation.body:
        world.call(operation.id, *values, status=400, body="{")
        world.call(operation.id, *values, status=413, body=f'"{"x" * 1100000}"')
        world.call(operation.id, *values, status=415, body="{}", content_type="text/plain")
        world.call(operation.id, *values, status=422, body="[7]")
    elif values:
        world.call(operation.id, *values, status=404)


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
