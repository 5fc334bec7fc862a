"""POST /publish: all events of a body reach the log, each once, or none of them is taken, and the answer says which."""
import http.client
import json
import re
import signal
import threading
import time

import pytest

from karcis import new_id, wait_until
from outages import frozen, killed

CLOUD_EVENT, CLOUD_EVENTS = "application/cloudevents+json", "application/cloudevents-batch+json"
PAYLOADS = [{}, {"text": "kopi \u2615 \"tubruk\"\n\u00e9 \U0001F3AB"}, {"numbers": [0, -1, 1.5, 1e300, 2**63 - 1, -2**63, 0.1]},
            {"deep": {"a": [[{"b": [None, True, False, {"": []}]}]]}}, {"a/b~c": "x" * 5000}]


class Publisher:
    """A client of the front door that hears all of an answer."""

    def __init__(self, stack):
        self.stack = stack
        self.topic = f"topic-{new_id()[:8]}"

    def publish(self, body, content_type="application/json", key="CLIENT_KEY", timeout=10):
        """(status, answer, headers)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.stack.port("publisher"), timeout=timeout)
        headers = {"Content-Type": content_type}
        if key:
            headers["Authorization"] = f"Bearer {self.stack.env.get(key, key)}"
        try:
            connection.request("POST", "/publish", body if isinstance(body, (str, bytes)) else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None, answer.headers
        finally:
            connection.close()

    def accepted(self, body, content_type="application/json"):
        status, answer, _ = self.publish(body, content_type)
        assert (status, answer["status"]) == (202, "accepted"), answer
        return answer["count"]

    def event(self, event_id, payload=None, **members):
        return {"topic": self.topic, "event_id": event_id, "timestamp": "2026-11-21T10:00:00Z", "source": "test",
                "payload": {} if payload is None else payload, **members}

    def log(self, topic=None, order="asc"):
        status, body = self.stack.http("GET", self.stack.port("aggregator-1"), f"/events?limit=1000&order={order}&topic={topic or self.topic}")
        assert status == 200, body
        return json.loads(body)["items"]

    def logged(self, count, topic=None):
        """The topic's events, once there are so many, and nothing more is to come."""
        wait_until(lambda: len(self.log(topic)) >= count, f"{count} events of {topic or self.topic} are in the log")
        self.stack.wait_drained()
        found = self.log(topic)
        assert len(found) == count, found
        return found


@pytest.fixture
def publisher(stack):
    return Publisher(stack)


# ---- what is taken ----

def test_events_in_every_form_reach_the_log_with_the_payload_that_was_sent(publisher):
    events = [publisher.event(str(i), payload) for i, payload in enumerate(PAYLOADS)]
    assert publisher.accepted(events[0]) == 1
    assert publisher.accepted(events[1:3]) == 2
    assert publisher.accepted({"events": events[3:]}) == 2
    found = {event["event_id"]: event for event in publisher.logged(len(events))}
    for event in events:
        logged = found[event["event_id"]]
        assert logged["payload"] == event["payload"]
        assert (logged["source"], logged["timestamp"]) == ("test", "2026-11-21T10:00:00.000Z")


def test_the_short_form_has_the_default_topic_and_the_time_of_its_arrival(publisher):
    before, event_id = time.time(), new_id()
    assert publisher.accepted({"id": event_id, "payload": {"x": 1}}) == 1

    def found():
        return [event for event in publisher.log("default") if event["event_id"] == event_id]

    (event,) = wait_until(found, "it is in the log")
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(before))
    assert event["source"] == "publisher" and stamp <= event["timestamp"] <= event["received_at"]


def test_cloud_events_are_taken_one_and_many(publisher):
    event = {"specversion": "1.0", "type": publisher.topic, "id": "1", "source": "/sensors", "time": "2026-11-21T17:00:00+07:00",
             "subject": "ignored", "datacontenttype": "application/json", "data": {"x": [1]}}
    assert publisher.accepted(event, CLOUD_EVENT) == 1
    assert publisher.accepted([{**event, "id": "2"}, {**event, "id": "3"}], f"{CLOUD_EVENTS}; charset=utf-8") == 2
    for logged in publisher.logged(3):
        assert (logged["source"], logged["payload"], logged["timestamp"]) == ("/sensors", {"x": [1]}, "2026-11-21T10:00:00.000Z")


def test_times_are_compared_as_moments(publisher):
    publisher.accepted([publisher.event("later", timestamp="2026-11-21T04:00:00Z"),
                        publisher.event("earlier", timestamp="2026-11-21T10:00:00+07:00"),
                        publisher.event("between", timestamp="2026-11-20T22:30:00.5-05:00")])
    assert [event["event_id"] for event in publisher.logged(3)] == ["earlier", "between", "later"]


def test_a_booking_can_be_published_and_again_with_one_effect(publisher, stack):
    show = stack.show("A1", "A2")
    event = publisher.event(new_id(), {"user": "ayu", "show": show, "seats": ["A1"]}, topic="booking.requested")
    assert publisher.accepted([event, event]) == 2
    assert publisher.accepted(event) == 1
    wait_until(lambda: stack.seats(show)["A1"][0] == "BOOKED", "the seat is booked")
    stack.wait_drained()
    assert stack.one("SELECT count(*) FROM ticketing.bookings WHERE show_id = %s", show) == 1
    assert stack.open_seats(show) == ["A2"]


def test_a_booking_as_the_log_shows_it_can_be_published_again(publisher, stack):
    seated, standing = stack.show("A1", "A2"), stack.show(seats=5, general=True)
    bookings = [stack.book(seated, "A1", "A2"), stack.book(standing, quantity=2)]
    for booking in bookings:
        stack.wait_for(booking, "CONFIRMED")
    stack.wait_drained()
    logged = [event for event in publisher.log("booking.requested", "desc") if event["payload"].get("booking_id") in bookings]
    assert publisher.accepted(logged) == 2
    stack.wait_drained()
    assert stack.one("SELECT count(*) FROM ticketing.bookings WHERE show_id IN (%s, %s)", seated, standing) == 2
    assert not [fields for _, fields in stack.entries("dead") if fields.get("field.booking_id") in bookings]


# ---- what is refused ----

def test_an_event_that_is_wrong_is_named_and_nothing_of_its_body_is_taken(publisher, stack):
    publisher.accepted(publisher.event("before"))
    publisher.logged(1)
    added = stack.entries_added()
    wait_until(lambda: stack.stats()["received"] == added, "all are counted")
    for wrong in ({"topic": ""}, {"topic": 5}, {"topic": "x" * 201}, {"event_id": None}, {"event_id": "x" * 201}, {"timestamp": "now"},
                  {"timestamp": "2026-11-21T10:00:00"}, {"source": "\u0007"}, {"payload": [1]}, {"payload": "{}"}, {"payload": None}):
        events = [publisher.event(str(i)) for i in range(9)]
        events.insert(4, {**publisher.event("wrong"), **wrong})
        for body, place in ((events, ""), ({"events": events}, "/events")):
            status, problem, _ = publisher.publish(body)
            (name,) = wrong
            assert (status, problem["code"]) == (422, "invalid")
            assert [(error["index"], error["pointer"]) for error in problem["errors"]] == [(4, f"{place}/4/{name}")]
    assert stack.entries_added() == added
    publisher.accepted(publisher.event("after"))
    assert [event["event_id"] for event in publisher.logged(2)] == ["before", "after"]
    wait_until(lambda: stack.stats()["received"] == added + 1, "only the last one was received besides")


@pytest.mark.parametrize("body, status, code", [
    ("[]", 400, "empty"),
    ('{"events":[]}', 400, "empty"),
    ("", 400, "not_json"),
    ("[{]", 400, "not_json"),
    ('{"id":"1","id":"2","payload":{}}', 400, "not_json"),
    ('{"id":"1","payload":{"a":{"b":1,"b":2}}}', 400, "not_json"),
    (b'{"id":"\xff","payload":{}}', 400, "not_json"),
    ('{"id":"1","payload":' + '{"a":' * 40 + "1" + "}" * 40 + "}", 400, "not_json"),
    ("[" + ",".join('{"id":"x","payload":{}}' for _ in range(5001)) + "]", 413, "too_large"),
    ('{"id":"1","payload":{"x":"' + "x" * 1048576 + '"}}', 413, "too_large"),
    ('{"id":"1","payload":{"x":"' + "x" * 262144 + '"}}', 422, "invalid"),
], ids=["no event in an array", "no event in a list", "nothing", "no JSON", "a name twice", "a name twice in a payload", "not UTF-8",
        "too deep", "too many events", "a body too large", "an event too large"])
def test_what_is_no_body_of_events_is_refused(publisher, stack, body, status, code):
    added = stack.entries_added()
    answer = publisher.publish(body)
    assert (answer[0], answer[1]["code"]) == (status, code), answer[1]
    assert stack.entries_added() == added


def test_a_body_may_be_as_large_as_is_promised(publisher):
    events = [publisher.event(str(i), {"x": "x" * 60}) for i in range(5000)]
    body = json.dumps(events, separators=(",", ":"))
    assert len(body) < 1048576
    assert publisher.accepted(body) == 5000
    large = publisher.event("large", {"x": "x" * 260000})
    assert publisher.accepted(large) == 1
    wait_until(lambda: publisher.stack.one("SELECT count(*) FROM log.events WHERE topic = %s", publisher.topic) == 5001,
               "all are in the log", timeout=30)


def test_nobody_says_what_only_a_program_may_say(publisher, stack):
    added = stack.entries_added()
    for topic in ("seat.reserved", "seat.held", "invoice.created", "payment.requested", "payment.done", "booking.closed", "dead", "events"):
        for key in ("CLIENT_KEY", "ADMIN_KEY"):
            status, problem, _ = publisher.publish(publisher.event(new_id(), topic=topic), key=key)
            assert (status, problem["errors"][0]["pointer"]) == (422, "/topic")
    assert publisher.publish(publisher.event("1"), key=None)[0] == 401
    assert publisher.publish(publisher.event("1"), key="wrong")[0] == 401
    assert publisher.publish(publisher.event("1"), content_type="text/plain")[0] == 415
    assert stack.entries_added() == added


# ---- when things go wrong ----

class Stream:
    """Clients that publish without end, each event again until it is accepted."""

    def __init__(self, publisher, clients=4, batch=5):
        self.publisher, self.batch = publisher, batch
        self.accepted, self.refused, self.wrong = [], [], []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(clients)]

    def run(self, client):
        number = 0
        while not self.stopped.is_set():
            ids = [f"{client}-{number + i}" for i in range(self.batch)]
            try:
                status, answer, headers = self.publisher.publish([self.publisher.event(event_id) for event_id in ids])
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
                continue
            if status == 202:
                self.accepted += ids
                number += self.batch
            elif status == 503 and int(headers["Retry-After"]) >= 1:
                self.refused.append(answer["code"])
                time.sleep(0.02)
            else:
                self.wrong.append((status, answer))
                return

    def wait_accepted(self, more):
        wanted = len(self.accepted) + more
        wait_until(lambda: len(self.accepted) >= wanted or self.wrong, "events are accepted", timeout=20)
        assert not self.wrong

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def check(self):
        """What was accepted is in the log; of what was sent again each is there once (the log's own rule)."""
        assert not self.wrong and len(set(self.accepted)) == len(self.accepted)
        stack = self.publisher.stack
        stack.wait_drained(timeout=60)
        logged = {event for event, in stack.rows("SELECT event_id FROM log.events WHERE topic = %s", self.publisher.topic)}
        assert set(self.accepted) <= logged


def test_an_event_answered_202_is_there_whatever_becomes_of_the_publisher(two):
    with Stream(Publisher(two)) as stream:
        stream.wait_accepted(500)
        two.kill("publisher")
        two.wait_ready("publisher")
        stream.wait_accepted(100)
        assert two.terminate("publisher")[0] == 0
        two.wait_ready("publisher")
        stream.wait_accepted(100)
    stream.check()


def test_while_redis_is_down_events_are_refused_and_taken_again_when_it_is_back(two):
    before = two.pid("publisher")
    with Stream(Publisher(two)) as stream:
        stream.wait_accepted(100)
        with killed(two, "redis"):
            wait_until(lambda: stream.refused.count("broker_away") > 20, "events are refused")
        stream.wait_accepted(500)
    stream.check()
    assert set(stream.refused) <= {"broker_away", "broker_lost", "overloaded"}
    assert two.pid("publisher") == before


def test_while_redis_is_full_events_are_refused_and_taken_again_when_there_is_room(two):
    memory = two.redis.config_get("maxmemory")["maxmemory"]
    with Stream(Publisher(two)) as stream:
        stream.wait_accepted(100)
        two.redis.config_set("maxmemory", 1)
        try:
            wait_until(lambda: len(stream.refused) > 20, "events are refused")
        finally:
            two.redis.config_set("maxmemory", memory)
        stream.wait_accepted(500)
    stream.check()
    assert set(stream.refused) <= {"broker_full", "overloaded"}


def test_who_got_no_answer_may_send_again_with_one_effect(two):
    publisher = Publisher(two)
    events = [publisher.event(str(i), {"i": i}) for i in range(50)]
    with frozen(two, "redis"), pytest.raises(TimeoutError):
        publisher.publish(events, timeout=0.5)
    for _ in range(2):
        assert publisher.accepted(events) == 50
    assert {event["event_id"] for event in publisher.logged(50)} == {str(i) for i in range(50)}


def test_while_too_much_is_under_way_events_are_refused(own_stack):
    """What waits for a Redis that does not answer is bounded, and taken when it answers again."""
    stack = own_stack()
    publisher, answers = Publisher(stack), []
    body = json.dumps([publisher.event(str(i), {"x": "x" * 200000}) for i in range(5)])

    def publish():
        status, answer, headers = publisher.publish(body, timeout=30)
        answers.append((status, answer.get("code"), headers["Retry-After"] is not None))

    threads = [threading.Thread(target=publish) for _ in range(80)]
    with frozen(stack, "redis"):
        for thread in threads:
            thread.start()
        wait_until(lambda: answers.count((503, "overloaded", True)) > 10, "all that is too much is refused")  # who comes later is not
    for thread in threads:
        thread.join()
    assert set(answers) <= {(503, "overloaded", True), (202, None, False)} and 50 < answers.count((202, None, False)) < 70
    assert publisher.accepted(body) == 5
    publisher.logged(5)


def test_while_the_door_is_closed_events_are_refused(own_stack):
    stack = own_stack(BACKLOG_MAX=10)
    publisher = Publisher(stack)
    show = stack.show(seats=20)
    stack.remove("ticket-worker-1")
    for seat in stack.open_seats(show):
        stack.book(show, seat)
    answer = wait_until(lambda: (answer := publisher.publish(publisher.event("1")))[0] == 503 and answer, "events are refused")
    assert answer[1]["code"] == "overloaded" and 1 <= int(answer[2]["Retry-After"]) <= 5
    stack.add("ticket-worker")
    wait_until(lambda: publisher.publish(publisher.event("1"))[0] == 202, "events are taken again")


def test_a_publisher_told_to_stop_answers_what_it_has_taken(two):
    publisher, answers = Publisher(two), []

    def publish():
        answers.append(publisher.publish(publisher.event("1"))[0])

    with frozen(two, "redis"):
        thread = threading.Thread(target=publish)
        thread.start()
        wait_until(lambda: re.search(r"^karcis_publish_under_way_bytes [1-9]", metrics(two), re.M), "the event is on its way")
        told = time.monotonic()
        two.signal("publisher", signal.SIGTERM)
        two.expected_ends["publisher", 0] += 1
    is_late = time.monotonic() - told > 1   # who stops does not wait for Redis for more than 1.5 s (DRAIN_ANSWER_MS)
    thread.join()
    two.wait_ready("publisher")
    assert answers == [202] or is_late and answers == [503]
    publisher.logged(1)


def metrics(stack):
    return stack.http("GET", stack.port("publisher"), "/metrics")[1].decode()
