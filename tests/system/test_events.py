"""GET /events: each event once, in an order that does not change, whoever adds more meanwhile."""
import json
import random
import subprocess
import threading
import urllib.parse

import pytest

from karcis import new_id, wait_until
from window import Window, walk


@pytest.fixture
def window(stack):
    return Window(stack)


class Topic:
    """A topic of the test's own."""

    def __init__(self, stack, name="orders"):
        self.stack, self.name = stack, f"{name}-{new_id()[:8]}"

    def publish(self, event_id, timestamp, payload=None, pipe=None, **others):
        return self.stack.xadd({"topic": self.name, "event_id": event_id, "timestamp": timestamp, "source": "test",
                                "payload": json.dumps(payload or {}), **others}, "events", pipe)

    @property
    def path(self):
        return f"/events?topic={urllib.parse.quote(self.name, safe='')}"


def ids(items):
    return [item["event_id"] for item in items]


def test_a_topic_is_found_by_its_exact_name_and_an_unknown_one_has_nothing(window, stack):
    names = ["a", "A", "a.b", "a b", "a%", "a_", "é", "a'"]
    topics = [Topic(stack, name) for name in names]
    for topic in topics:
        topic.name = topic.name.replace(topic.name[-8:], topics[0].name[-8:])
        topic.publish("one", "2026-11-21T10:00:00Z")
    stack.wait_drained()
    for topic in topics:
        assert [(item["topic"], item["event_id"]) for item in window.get(topic.path)[1]["items"]] == [(topic.name, "one")]
    for unknown in (topics[0].name[:-1], topics[0].name + "x", topics[0].name.upper() + "X", ""):
        assert window.get(f"/events?topic={urllib.parse.quote(unknown)}") == (200, {"items": [], "next": None})


def test_times_are_compared_as_moments_a_late_event_takes_its_place_and_equal_times_come_as_they_arrived(window, stack):
    topic = Topic(stack)
    for event_id, timestamp in (("four-utc", "2026-11-21T04:00:00Z"), ("same-b", "2026-11-21T05:00:00Z"), ("same-a", "2026-11-21T12:00:00+07:00"),
                                ("ten-jakarta", "2026-11-21T10:00:00+07:00"), ("late", "2020-01-01T00:00:00Z"),
                                ("finer", "2026-11-21T03:00:00.000001Z")):
        topic.publish(event_id, timestamp)
    stack.wait_drained()
    order = ["late", "ten-jakarta", "finer", "four-utc", "same-b", "same-a"]
    for _ in range(2):
        assert ids(window.get(topic.path)[1]["items"]) == order
        assert ids(window.get(f"{topic.path}&order=asc")[1]["items"]) == order
        assert ids(window.get(f"{topic.path}&order=desc")[1]["items"]) == order[::-1]
    assert ids(walk(window, topic.path, limit=1)) == order
    assert ids(walk(window, f"{topic.path}&order=desc", limit=1)) == order[::-1]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_whoever_walks_the_pages_while_events_arrive_sees_each_once_and_all_that_were_there(window, stack, order):
    topic, chance, stopped, added = Topic(stack), random.Random(7), threading.Event(), []

    def publish(name):
        topic.publish(name, f"2026-11-21T{chance.randrange(24):02}:{chance.randrange(60):02}:00Z")

    first = [f"first-{n}" for n in range(200)]
    for name in first:
        publish(name)
    stack.wait_drained()

    def go_on():
        while not stopped.is_set() and len(added) < 5000:
            added.append(f"more-{len(added)}")
            publish(added[-1])
    writer = threading.Thread(target=go_on)
    writer.start()

    class MoreBetweenPages:  # however slow the disk is that they are written to
        def get(self, path):
            before, page = len(added), window.get(path)
            wait_until(lambda: len(added) > before or not writer.is_alive(), "another one has come")
            return page
    try:
        seen = walk(MoreBetweenPages(), f"{topic.path}&order={order}", limit=7)
    finally:
        stopped.set()
        writer.join()
    assert len(set(ids(seen))) == len(seen)
    assert set(first) <= set(ids(seen)), "nothing that was there is missed"
    assert len(added) > 5 and [item["timestamp"] for item in seen] == sorted((item["timestamp"] for item in seen), reverse=order == "desc")
    stack.wait_drained()
    assert set(ids(walk(window, topic.path, limit=1000))) == {*first, *added}


def test_a_list_without_a_topic_merges_all_of_them_and_has_each_event_once(window, stack):
    topics = [Topic(stack, f"t{n}") for n in range(3)]
    for n in range(12):
        topics[n % 3].publish(f"e{n}", f"2030-01-01T00:00:{n // 2:02}Z")
    stack.wait_drained()
    newest = walk(window, "/events?order=desc", limit=5)[:12]
    assert ids(newest) == [f"e{n}" for n in reversed(range(12))]
    everything = walk(window, "/events", limit=1000)
    keys = [(item["topic"], item["event_id"]) for item in everything]
    assert len(keys) == len(set(keys)) == stack.one("SELECT count(*) FROM log.events")


@pytest.mark.parametrize("query, pointer", [
    ("limit=0", "/limit"), ("limit=-1", "/limit"), ("limit=1001", "/limit"), ("limit=abc", "/limit"), ("limit=", "/limit"),
    ("order=up", "/order"), ("after=x", "/after"), ("after=MS4yLjM", "/after"), ("after=", "/after")])
def test_what_cannot_be_asked_is_refused_by_name(window, query, pointer):
    status, problem = window.get(f"/events?{query}")
    assert (status, problem["code"], problem["errors"][0]["pointer"]) == (422, "invalid", pointer)


def test_a_payload_comes_back_as_it_was_sent(window, stack):
    topic = Topic(stack)
    payload = {"nested": {"list": [1, [2, {"three": None}]]}, "text": "é \u20ac \U0001f3ab \" \\ \n", "big": 9223372036854775807,
               "float": 0.1, "exponent": 1e300, "": True}
    topic.publish("one", "2026-11-21T10:00:00Z", payload)
    stack.wait_drained()
    (item,) = window.get(topic.path)[1]["items"]
    assert item["payload"] == payload


def test_a_repetition_leaves_a_line_and_a_row(window, stack):
    topic = Topic(stack)
    for payload in ({}, {}, {"other": 1}):
        entry = topic.publish("one", "2026-11-21T10:00:00Z", payload)
    stack.wait_drained()

    def told():  # when Redis has said that they are acknowledged
        return [line for line in stack.log("aggregator-1").splitlines() if topic.name in line]
    lines = wait_until(lambda: len(told()) >= 2 and told(), "each repetition left its line")
    assert len(lines) == 2 and all("duplicate" in line and f"{topic.name} one" in line for line in lines), lines
    assert "duplicate with another payload" in lines[1] and entry in lines[1]
    assert stack.rows("SELECT event_id, is_conflict FROM log.duplicates WHERE topic = %s ORDER BY entry_ms, entry_seq", topic.name) == [
        ("one", False), ("one", True)]
    assert window.get(topic.path)[1]["items"][0]["payload"] == {}


MEMBERS = {"topic", "event_id", "timestamp", "source", "payload", "stream", "entry_id", "received_at"}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_what_else_somebody_types_with_redis_cli_is_shown_as_extra(window, stack):
    topic = Topic(stack)
    fields = [("note", 'two "words" \u2615'), ("topic", topic.name), ("timestamp", "2026-11-21T10:00:00Z"), ("source", "till"), ("payload", '{"a":1}')]
    others = [("traceparent", TRACE), ("at", "2026-11-20T10:00:00Z"), ("note", "again"), ("source", "gate"), ("", "")]
    for pairs in ([*fields, ("event_id", "one"), *others], [*fields[1:], ("event_id", "two")]):
        words = [word for pair in pairs for word in pair]
        subprocess.run(["redis-cli", "-u", stack.env["REDIS_URL"], "XADD", "events", "*", *words], check=True, capture_output=True)
    stack.wait_drained()
    status, text = stack.http("GET", stack.port("aggregator-1"), topic.path)
    one, two = [dict(item) for item in dict(json.loads(text, object_pairs_hook=list))["items"]]
    assert status == 200 and (set(one), set(two)) == (MEMBERS | {"extra"}, MEMBERS), "what has no extra does not show it"
    assert (one["payload"], one["timestamp"], one["source"]) == ([("a", 1)], "2026-11-21T10:00:00.000Z", "gate")
    assert one["extra"] == [fields[0], ("source", "till"), *others[:3], others[4]], "in its order, and what was said twice"


def test_a_trace_that_comes_with_an_event_over_http_is_in_its_extra_and_another_one_is_no_conflict(window, stack):
    topic, traces = Topic(stack), [TRACE, TRACE.replace("b7ad", "c7ad")]
    event = {"topic": topic.name, "event_id": "one", "timestamp": "2026-11-21T10:00:00Z", "source": "test", "payload": {}}
    for trace in traces:
        status, answer = stack.http("POST", stack.port("publisher"), "/publish", json.dumps(event), {
            "Content-Type": "application/json", "Authorization": f"Bearer {stack.env['CLIENT_KEY']}", "traceparent": trace})
        assert status == 202, answer
    stack.wait_drained()
    (item,) = window.get(topic.path)[1]["items"]
    assert item["extra"] == {"traceparent": traces[0]}
    assert stack.rows("SELECT is_conflict FROM log.duplicates WHERE topic = %s", topic.name) == [(False,)]


def test_what_else_an_event_says_must_be_text_or_it_is_a_dead_letter(window, stack):
    topic = Topic(stack)
    entry = topic.publish("one", "2026-11-21T10:00:00Z", note=b"a\xff")
    letter = stack.wait_dead(entry, "events", "record")
    assert letter["reason"] == "invalid_field" and "note" in letter["detail"] and "UTF-8" in letter["detail"]
    topic.publish("two", "2026-11-21T10:00:00Z", note="a")
    stack.wait_drained()
    assert [(item["event_id"], item["extra"]) for item in window.get(topic.path)[1]["items"]] == [("two", {"note": "a"})]


def test_extras_count_where_a_page_of_large_events_ends(window, stack):
    topic, large = Topic(stack), "x" * 250_000
    for n in range(40):
        topic.publish(f"e{n:02}", f"2026-11-21T10:00:{n:02}Z", note=large)
    stack.wait_drained(timeout=40)
    for order in ("asc", "desc"):
        path = f"{topic.path}&order={order}&limit=1000"
        page = window.get(path)[1]
        assert page["next"] and 30 <= len(page["items"]) <= 33, "8 MiB hold 33 of them"
        seen = walk(window, path)
        assert sorted(ids(seen)) == [f"e{n:02}" for n in range(40)] and all(item["extra"] == {"note": large} for item in seen)
