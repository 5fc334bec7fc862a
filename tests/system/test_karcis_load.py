"""karcis-load against a real stack: what it sent is what /stats counts, to the event, whatever happens meanwhile."""
import json
import os
import signal
import subprocess
import threading
import time

from karcis import BIN_DIR, SANITIZERS, wait_until
from wire import unread_bytes

# Generous: all programs here are sanitizer builds, and others use the machine. Speed is bench/'s.
PUBLISH_P99_MS = 2000
STATS_P95_MS = 1000


def start(stack, *words):
    environment = {**os.environ, **SANITIZERS, "RUN_DIR": stack.run_dir}
    for name in ("PUBLISHER_URL", "AGGREGATOR_URL", "CLIENT_KEY"):
        environment.pop(name, None)
    return subprocess.Popen([f"{BIN_DIR}/karcis-load", *map(str, words), "--json", "yes"], env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    """(exit code, the report)"""
    out, err = process.communicate(timeout=300)
    assert process.returncode in (0, 1), err
    return process.returncode, json.loads(out)


def load(stack, *words):
    return finish(start(stack, *words))


class Onlooker(threading.Thread):
    """Asks for /stats again and again, as pages do; and writes to Redis, which may have to wait for its disk."""

    def __init__(self, stack):
        super().__init__()
        self.stack, self.seconds, self.redis_seconds, self.stopped = stack, [], [], threading.Event()

    def run(self):
        while not self.stopped.wait(0.05):
            begun_s = time.monotonic()
            self.stack.redis.set("test:onlooker", 1, ex=60)
            written_s = time.monotonic()
            self.stack.stats()
            self.redis_seconds.append(written_s - begun_s)
            self.seconds.append(time.monotonic() - written_s)

    def p95_ms(self):
        self.stopped.set()
        self.join()
        return sorted(self.seconds)[int(len(self.seconds) * 0.95)] * 1000

    def redis_worst_ms(self):
        return max(self.redis_seconds) * 1000


def sent(stack):
    """How many events were ever added."""
    return stack.redis.xinfo_stream("events")["entries-added"] if stack.redis.exists("events") else 0


def check_counts(report, received, unique):
    assert report["is_exact"] and report["agrees"]
    assert report["counted"] == {**report["counted"], "received": received, "unique": unique, "duplicates": received - unique,
                                 "rejected": 0}


def test_5000_events_with_a_fifth_repeated_are_counted_exactly(stack):
    onlooker = Onlooker(stack)
    onlooker.start()
    code, report = load(stack, "events", "--count", 5000, "--duplicates", 0.2, "--rate", 50, "--batch", 50)
    assert onlooker.p95_ms() < STATS_P95_MS
    check_counts(report, 5000, 4000)
    assert code == 0 and report["accepted"] == 100 and report["latency_ms"]["is_open_loop"]
    assert report["latency_ms"]["p99"] < PUBLISH_P99_MS + onlooker.redis_worst_ms()


def test_20000_events_with_three_tenths_repeated_are_counted_exactly(stack, tell):
    onlooker = Onlooker(stack)
    onlooker.start()
    code, report = load(stack, "events", "--count", 20000, "--duplicates", 0.3, "--rate", 40, "--batch", 100)
    stats_ms = onlooker.p95_ms()
    check_counts(report, 20000, 14000)
    assert code == 0 and report["latency_ms"]["p99"] < PUBLISH_P99_MS + onlooker.redis_worst_ms() and stats_ms < STATS_P95_MS
    tell(f"/publish p99 {report['latency_ms']['p99']:.0f} ms, /stats p95 {stats_ms:.0f} ms")


def test_single_events_over_many_connections_are_counted_exactly(stack):
    code, report = load(stack, "events", "--count", 3000, "--duplicates", 0.5, "--rate", "max", "--connections", 64)
    check_counts(report, 3000, 1500)
    assert code == 0 and not report["latency_ms"]["is_open_loop"]


def test_what_is_counted_besides_does_not_agree(stack):
    stack.signal("publisher", signal.SIGSTOP)  # it comes after the first count and before the last, however slow we are
    try:
        process = start(stack, "events", "--count", 300, "--rate", 100)
        wait_until(lambda: unread_bytes(stack.port("publisher")) > 0, "something is sent", timeout=30)
        stack.xadd({"topic": "load", "event_id": "another's", "timestamp": "2026-11-21T09:00:00Z", "source": "till", "payload": "{}"},
                   "events")
    finally:
        stack.signal("publisher", signal.SIGCONT)
    code, report = finish(process)
    assert code == 1 and not report["agrees"]
    assert (report["counted"]["received"], report["expected"]["received"]) == (301, [300, 300])


def test_answers_that_are_lost_are_sent_again_and_the_counts_still_agree(own_stack):
    """The publisher dies with requests under way: some were taken, some not, and nobody knows which. While it begins anew it
    may answer 503, which is not tried again and perhaps taken, too."""
    stack = own_stack()
    process = start(stack, "events", "--count", 30000, "--duplicates", 0.3, "--rate", 100, "--batch", 30, "--connections", 32)
    for part in (3000, 9000, 15000):
        wait_until(lambda: sent(stack) > part, f"{part} events are sent", timeout=60)
        stack.signal("publisher", signal.SIGSTOP)
        wait_until(lambda: unread_bytes(stack.port("publisher")) > 0, "requests are under way")
        stack.kill("publisher")
    code, report = finish(process)
    assert code == 0 and report["agrees"] and report["given_up"] == 0
    least, most = report["expected"]["unique"]
    stored = stack.one("SELECT count(*) FROM log.events WHERE topic = 'load'")
    assert least <= stored == report["counted"]["unique"] <= most == 21000
    assert all(refusal["status"] == 503 for refusal in report["refused"])
    assert least == most or report["refused"], "what was lost was sent again"
    assert report["lost"] > 0, "no answer was lost in three deaths: the test shows nothing"


def test_bookings_for_hot_seats_are_made_once_each(stack):
    show = stack.show(seats=50)
    code, report = load(stack, "bookings", "--count", 400, "--show", show, "--skew", 1.2, "--duplicates", 0.2, "--rate", 200)
    assert code == 0 and report["accepted"] == 400 and report["counted"]["bookings"] == 320
    wishes = stack.rows("SELECT seats[1], count(*) FROM ticketing.bookings WHERE show_id = %s GROUP BY 1 ORDER BY 2 DESC", show)
    assert wishes[0][0] == "001" and wishes[0][1] > 3 * wishes[9][1]


def test_who_has_no_key_is_refused_and_told_why(stack):
    code, report = load(stack, "events", "--count", 20, "--key", "x" * 32)
    assert code == 0 and report["accepted"] == 0 and report["counted"]["received"] == 0
    assert [(refusal["status"], refusal["requests"]) for refusal in report["refused"]] == [(401, 20)]


def test_a_system_that_never_rests_is_not_compared(own_stack):
    stack = own_stack()
    stack.signal("aggregator-1", signal.SIGSTOP)
    try:
        process = start(stack, "events", "--count", 1, "--patience", 1, "--timeout", 1)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 111 and "not at rest" in err and not out
    finally:
        stack.signal("aggregator-1", signal.SIGCONT)
