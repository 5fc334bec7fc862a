"""Examples for test_openapi.py: events, and looking at the system. Each succeeds, and fails in what ways can be brought about."""
from karcis import PROGRAMS, new_id
from live import Listener
from openapi import example


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
    topic = new_id()
    world.stack.xadd({"topic": topic, "event_id": "e1", "timestamp": "2026-11-21T19:30:00+07:00", "source": "gate-1", "payload": "{}",
                      "note": "typed"}, "events")
    world.stack.wait_drained()
    page = world.call("listEvents", status=200, query={"limit": 1}).body
    assert world.call("listEvents", status=200, query={"topic": topic}).body["items"][0]["extra"] == {"note": "typed"}
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
