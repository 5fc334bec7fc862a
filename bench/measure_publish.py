"""Events over HTTP: how fast they are accepted, how fast they get into the event log, and how long who asks meanwhile waits.

First nobody records, so that the front door alone is measured; then the aggregator comes and finds all of it on the stream."""
import http.client
import json
import os
import statistics
import subprocess
import threading
import time

from measure import _split, _Watch, progress
from stack import Failed
from usage import Meter

REPEATED = 0.3
FLOW = {"count": 20_000, "batch": 10, "rate": 500}      # 5,000 events a second, for four seconds


def _load(stack, program, **options):
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    environment = {**os.environ, "RUN_DIR": stack.run_dir}
    for name in ("PUBLISHER_URL", "AGGREGATOR_URL", "CLIENT_KEY"):
        environment.pop(name, None)
    done = subprocess.run([program, "events", *words, "--json", "yes"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=environment)
    if done.returncode:
        raise Failed(f"karcis-load ended with {done.returncode}: {done.stderr}{done.stdout}")
    report = json.loads(done.stdout)
    if report["refused"] or report["lost"] or report["given_up"]:
        raise Failed(f"not all was accepted: {report}")
    return report


def _accepted(stack, program, events, **options):
    """(events a second, {program: µs an event}, the report, how many cores others used) with nobody recording."""
    before = _added(stack)
    meter = Meter(stack.pids())
    meter.start()
    report = _load(stack, program, count=events, rate="max", duplicates=REPEATED, compare="no", **options)
    used_us, machine_us, _ = meter.stop()
    if _added(stack) - before != events:
        raise Failed(f"{_added(stack) - before} of {events} events are on the stream")
    used_us["karcis-load"] = report["cpu_seconds"] * 1e6
    return {"per_s": round(events / report["seconds"]), "cpu_us": _split(used_us, events), "p99_ms": report["latency_ms"]["p99"],
            "others_cores": (machine_us - sum(used_us.values())) / report["seconds"] / 1e6}


def _added(stack):
    return stack.redis.xinfo_stream("events")["entries-added"] if stack.redis.exists("events") else 0


def _counted(stack):
    return stack.sql("SELECT coalesce(sum(unique_processed), 0)::bigint, coalesce(sum(duplicate_dropped), 0)::bigint FROM log.counters")[0]


def _ingest(stack, unique):
    """From the first batch that is committed to the last, of all that is on the stream."""
    events = _added(stack)
    stack.checkpoint()
    stack.add_programs(AGGREGATORS=1)
    meter = Meter(stack.pids())
    meter.start()
    begun_s, first = time.monotonic(), sum(_counted(stack))
    _Watch(meter, events, "recorded").until(lambda: sum(_counted(stack)), 0.02)
    seconds = time.monotonic() - begun_s
    used_us, machine_us, _ = meter.stop()
    if _counted(stack) != (unique, events - unique):
        raise Failed(f"recorded {_counted(stack)}, but {unique} of {events} are unique")
    return {"per_s": round((events - first) / seconds), "cpu_us": _split(used_us, events - first),
            "others_cores": (machine_us - sum(used_us.values())) / seconds / 1e6}


class _Asker(threading.Thread):
    """Asks for /stats on a connection of its own, fifty times a second."""

    def __init__(self, stack):
        super().__init__()
        self.connection = http.client.HTTPConnection("127.0.0.1", stack.port_base + 2, timeout=30)
        self.ms, self.stopped = [], threading.Event()

    def run(self):
        while not self.stopped.wait(0.02):
            begun_s = time.monotonic()
            self.connection.request("GET", "/stats")
            self.connection.getresponse().read()
            self.ms.append((time.monotonic() - begun_s) * 1000)

    def p99_ms(self):
        self.stopped.set()
        self.join()
        return statistics.quantiles(self.ms, n=100, method="inclusive")[98]


def _flow(stack, program):
    asker = _Asker(stack)
    asker.start()
    try:
        report = _load(stack, program, duplicates=REPEATED, connections=64, **FLOW)
    finally:
        stats_ms = asker.p99_ms()
    if not report["is_exact"] or not report["agrees"]:
        raise Failed(f"what was sent and what was counted differ: {report}")
    return report["latency_ms"], stats_ms


def publishing(stack, program, events):
    singles = events // 3
    progress(f"  {events:,} events in batches of 100")
    batched = _accepted(stack, program, events, batch=100, connections=16)
    progress(f"  {singles:,} events singly")
    single = _accepted(stack, program, singles, batch=1, connections=64)
    ingest = _ingest(stack, sum(count - int(count * REPEATED * 1_000_000) // 1_000_000 for count in (events, singles)))
    progress(f"  {FLOW['count']:,} events while somebody looks")
    latency_ms, stats_ms = _flow(stack, program)
    progress("")
    return {
        "events": events,
        "batched_per_s": batched["per_s"], "batched_cpu_us": batched["cpu_us"], "batched_p99_ms": batched["p99_ms"],
        "singles_per_s": single["per_s"], "singles_cpu_us": single["cpu_us"], "singles_p99_ms": single["p99_ms"],
        "ingest_per_s": ingest["per_s"], "ingest_cpu_us": ingest["cpu_us"],
        "publish_ms": latency_ms, "publish_p99_ms": latency_ms["p99"], "stats_p99_ms": round(stats_ms, 1),
        "others_cores": round(statistics.mean(part["others_cores"] for part in (batched, single, ingest)), 2),
    }
