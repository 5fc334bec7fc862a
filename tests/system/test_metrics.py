"""What operators see: /metrics of every program, the Prometheus configuration and the Grafana dashboard that come with it, and
the logs."""
import json
import re
import subprocess
from datetime import datetime

import pytest

from karcis import ROOT, new_id, wait_until
from window import Window, walk

PROGRAMS = ("publisher", "aggregator-1", "ticket-worker-1", "payment-worker-1")
OF_PROMETHEUS = {"up"}


def metrics(stack, name):
    status, text = stack.http("GET", stack.port(name), "/metrics")
    assert status == 200
    return text.decode()


def values(text, name):
    """{labels: value}"""
    return {labels: float(value) for labels, value in re.findall(rf"^{name}(?:{{(.*?)}})? (\S+)$", text, re.M)}


@pytest.fixture
def used(stack):
    """The stack after each of its programs has done something of everything."""
    show = stack.show("A1", "A2")
    for seat in ("A1", "A1", "A2"):
        booking = stack.book(show, seat)
    stack.xadd({"user": "ayu"})
    stack.wait_for(booking, "CONFIRMED")
    stack.wait_drained()
    window = Window(stack)
    for path in ("/stats", "/nothing", "/shows", "/events?limit=0", "/%22%5C%0A"):
        window.get(path)
    stack.http("POST", stack.port("publisher"), "/bookings", "{")
    def looked():
        text = metrics(stack, "aggregator-1")
        return values(text, "karcis_dead_letters") and values(text, "karcis_group_lag")  # two servers say it
    wait_until(looked, "the gauges were looked at", timeout=20)
    return stack


@pytest.mark.parametrize("name", PROGRAMS)
def test_promtool_accepts_the_metrics_of_every_program_after_load(used, name):
    text = metrics(used, name)
    done = subprocess.run(["promtool", "check", "metrics"], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "")
    assert values(text, "karcis_ready") and set(values(text, "karcis_ready").values()) == {1}


def test_the_aggregator_tells_how_far_each_group_has_come_and_what_the_log_counted(used):
    used.redis.xgroup_create("events", "somebodys-own", "0", mkstream=True)
    try:
        used.xadd({"topic": "x", "event_id": new_id(), "timestamp": "2026-11-21T10:00:00Z", "source": "test", "payload": "{}"}, "events")
        unread = used.redis.xlen("events")

        def are_of_now():
            text = metrics(used, "aggregator-1")
            lag = values(text, "karcis_group_lag")
            assert lag['stream="events",group="(others)"'] == unread and "somebodys-own" not in text
            for outcome, column in (("unique", "unique_processed"), ("duplicate", "duplicate_dropped"), ("rejected", "rejected"), ("conflict", "conflicts")):
                assert values(text, "karcis_events_total")[f'outcome="{outcome}"'] == used.one(f"SELECT sum({column}) FROM log.counters"), outcome
            assert values(text, "karcis_dead_letters")[""] == used.one("SELECT count(*) FROM log.dead_letters WHERE replayed_at IS NULL")
            return lag
        lag = wait_until(are_of_now, "the gauges are of now", timeout=20)
        assert {'stream="booking.requested",group="hold"', 'stream="seat.held",group="invoice"', 'stream="dead",group="record"'} <= set(lag)
    finally:
        used.redis.xgroup_destroy("events", "somebodys-own")


def test_prometheus_takes_the_configuration_and_the_rules():
    for words in (["config", f"{ROOT}/docs/prometheus.yml"], ["rules", f"{ROOT}/docs/prometheus-rules.yml"]):
        done = subprocess.run(["promtool", "check", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
        assert done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout


def test_the_configuration_names_the_ports_of_a_stack(stack):
    with open(f"{ROOT}/docs/prometheus.yml") as file:
        ports = [int(port) for port in re.findall(r'targets: \["127\.0\.0\.1:(\d+)"\]', file.read())]
    assert ports == [stack.port(name) - stack.port_base + 8080 for name in PROGRAMS]


def named_in(expression):
    """The metrics that a query names: what is left when functions, labels and words of the language are gone."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring) *\([^)]*\)|\"[^\"]*\"", " ", expression)
    words = re.findall(r"[a-z_][a-z0-9_]*\b(?! *\()", bare)
    return {word for word in words if word not in ("and", "or", "unless", "by", "s", "m")}


def test_everything_that_dashboard_and_rules_ask_for_is_there(used):
    with open(f"{ROOT}/docs/grafana-dashboard.json") as file:
        expressions = [target["expr"] for panel in json.load(file)["panels"] for target in panel["targets"]]
    with open(f"{ROOT}/docs/prometheus-rules.yml") as file:
        expressions += re.findall(r"^ +expr: (.*)$", file.read(), re.M)
    assert len(expressions) > 25
    there = {name for program in PROGRAMS for name in re.findall(r"^([a-z_0-9]+)[ {]", metrics(used, program), re.M)}
    for expression in expressions:
        assert named_in(expression) and named_in(expression) <= there | OF_PROMETHEUS, expression
    labels = set(re.findall(r"(\w+)=\"", "".join(metrics(used, program) for program in PROGRAMS))) | {"program", "instance"}
    for expression in expressions:
        for listed in re.findall(r"\bby *\(([^)]*)\)", expression):
            assert set(re.split(", *", listed)) <= labels, expression


def test_one_id_finds_a_bookings_steps_in_order_in_the_logs(stack):
    booking, show = new_id(), stack.show("A1")
    stack.book(show, "A1", booking_id=booking)
    stack.wait_for(booking, "CONFIRMED")
    stack.wait_drained()

    def lines():
        found = sorted(line for name in ("ticket-worker-1", "payment-worker-1") for line in stack.log(name).splitlines() if booking in line)
        assert len(found) == 5
        return found
    told = [dict(re.findall(r'(\w+)=("[^"]*"|\S+)', line)) for line in wait_until(lines, "each step left its line")]
    told = {line["step"]: line for line in told}
    assert sorted(told) == ["bill", "charge", "hold", "invoice", "settle"]
    # A line is written when Redis has answered, and by then the next program may be through: between programs the entries tell.
    came_ms = {step: int(line["entry"].split("-")[0]) for step, line in told.items()}
    order = [came_ms[step] for step in ("hold", "invoice", "charge", "settle")]
    assert order == sorted(order) and told["bill"]["entry"] == told["charge"]["entry"], told  # these two go side by side
    for first, second in (("hold", "settle"), ("invoice", "charge")):
        assert told[first]["time"] <= told[second]["time"], told
    times = [datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp() * 1000 for line in told.values()]
    assert all(came <= round(time) for came, time in zip(came_ms.values(), times)), told
    assert {line["booking"] for line in told.values()} == {booking} and all(line["event"] for line in told.values())


@pytest.mark.parametrize("way", ["POST", "XADD"])
def test_a_trace_is_carried_from_the_request_to_the_closing_and_into_the_log(stack, way):
    trace = f"00-{new_id().replace('-', '')}-00f067aa0ba902b7-01"
    booking, show = new_id(), stack.show("A1")
    if way == "XADD":
        stack.book(show, "A1", booking_id=booking, traceparent=trace)
    else:
        status, _ = stack.http("POST", stack.port("publisher"), "/bookings",
                               json.dumps({"booking_id": booking, "user": "ayu", "show": show, "seats": ["A1"]}),
                               {"Authorization": f"Bearer {stack.env['CLIENT_KEY']}", "Content-Type": "application/json", "traceparent": trace})
        assert status == 202
    stack.wait_for(booking, "CONFIRMED")
    stack.wait_drained()
    told = {event["topic"]: event["payload"].get("traceparent") for event in walk(Window(stack), "/events", limit=1000)
            if event["payload"].get("booking_id") == booking}
    flow = ("booking.requested", "seat.held", "invoice.created", "payment.done", "booking.closed")
    assert told == {topic: trace for topic in flow}
