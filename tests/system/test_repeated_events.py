"""An event that comes again is dropped, counted and told, whoever sends it, whenever, and whoever records it."""
import json
import re
from concurrent.futures import ThreadPoolExecutor

from karcis import new_id, wait_until

COUNTED = "SELECT coalesce(sum(unique_processed), 0)::int, coalesce(sum(duplicate_dropped), 0)::int FROM log.counters WHERE topic = %s"


def event(topic, event_id, **payload):
    return {"topic": topic, "event_id": event_id, "timestamp": "2026-11-21T09:00:00Z", "source": "till", "payload": payload}


def publish(stack, *events):
    status, answer = stack.http("POST", stack.port("publisher"), "/publish", json.dumps(events),
                                {"Content-Type": "application/json", "Authorization": f"Bearer {stack.env['CLIENT_KEY']}"}, timeout=20)
    assert (status, json.loads(answer)["count"]) == (202, len(events)), answer


def wait_counted(stack, topic, unique, duplicate):
    wait_until(lambda: stack.one(COUNTED, topic) == (unique, duplicate), f"{unique} unique and {duplicate} repeated of {topic}", timeout=20)


def test_of_20_clients_who_send_one_event_at_once_one_is_first(own_stack):
    """To two recorders, so that they meet."""
    stack = own_stack(AGGREGATORS=2)
    topic = f"sale-{new_id()[:8]}"
    with ThreadPoolExecutor(20) as clients:
        for n in range(20):
            list(clients.map(lambda _: publish(stack, event(topic, f"e{n}", n=n)), range(20)))
    wait_counted(stack, topic, 20, 380)
    assert stack.one("SELECT count(*) FROM log.events WHERE topic = %s", topic) == 20
    assert stack.one("SELECT count(*) FROM log.duplicates WHERE topic = %s", topic) == 380
    assert stack.one("SELECT coalesce(sum(conflicts), 0)::int FROM log.counters WHERE topic = %s", topic) == 0
    stack.check_at_rest()


def test_an_event_is_known_after_everything_was_stopped_and_started(own_stack):
    stack = own_stack()
    publish(stack, event("sale", "e1", n=1), event("sale", "e2", n=2))
    wait_counted(stack, "sale", 2, 0)
    stack.command("down")
    stack.command("up")
    stack.connect()
    publish(stack, event("sale", "e2", n=2), event("sale", "e3", n=3), event("sale", "e1", n=1))
    wait_counted(stack, "sale", 3, 2)


def test_each_repetition_leaves_a_line_and_a_row(stack):
    topic = f"sale-{new_id()[:8]}"
    publish(stack, event(topic, "e1", n=1))
    publish(stack, event(topic, "e1", n=1), event(topic, "e1", n=1), event(topic, "e1", n=2))
    wait_counted(stack, topic, 1, 3)
    rows = stack.rows("SELECT entry_ms || '-' || entry_seq, is_conflict FROM log.duplicates WHERE topic = %s ORDER BY entry_ms, entry_seq", topic)
    assert [is_conflict for _, is_conflict in rows] == [False, False, True]

    def told():
        lines = re.findall(rf'step=record entry=(\S+) .*detail="{topic} e1" event="?(duplicate[^"\n]*)', stack.log("aggregator-1"))
        return lines == [(entry, "duplicate with another payload" if other else "duplicate") for entry, other in rows]
    wait_until(told, "the aggregator's log names each")
