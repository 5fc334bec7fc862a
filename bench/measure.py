"""The measured things: a load, the latency without load, and the two floors. Each gives a dictionary of plain figures."""
import json
import statistics
import subprocess
import sys
import threading
import time

from stack import Failed
from usage import Meter

# What one booking leaves on the streams; each is an event of the log.
STREAMS = ("booking.requested", "seat.held", "invoice.created", "payment.done", "booking.closed")
STUCK_S = 60            # nothing more was confirmed or logged for so long


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _added(stack, stream):
    """How many entries were ever added, and the newest one's id; trimming does not change either."""
    if not stack.redis.exists(stream):
        return 0, None
    info = stack.redis.xinfo_stream(stream)
    return info["entries-added"], info["last-generated-id"]


def _ms(entry_id):
    return int(entry_id.partition("-")[0])


class _Watch:
    """Follows one run, looks at memory on the way and notices when it stands still."""

    def __init__(self, meter, goal, what):
        self.meter, self.goal, self.what = meter, goal, what
        self.begun_s = self.moved_s = time.monotonic()
        self.count = -1

    def until(self, count_now, every_s):
        while True:
            count, now_s = count_now(), time.monotonic()
            self.meter.look()
            progress(f"  {self.what} {count:,} of {self.goal:,}, {count / max(now_s - self.begun_s, 0.001):,.0f}/s")
            if count >= self.goal:
                return
            if count != self.count:
                self.count, self.moved_s = count, now_s
            if now_s - self.moved_s > STUCK_S:
                raise Failed(f"{self.what}: {count} of {self.goal}, and nothing more for {STUCK_S} s")
            time.sleep(every_s)


def _logged(stack):
    return int(stack.sql("SELECT coalesce(sum(unique_processed), 0) FROM log.counters")[0][0])


def _check(stack, bookings):
    """What was measured did what it should."""
    wrong = {
        "bookings not CONFIRMED": stack.sql("SELECT count(*) FROM ticketing.bookings WHERE status <> 'CONFIRMED'")[0][0],
        "bookings missing": bookings - stack.sql("SELECT count(*) FROM ticketing.bookings")[0][0],
        "seats not BOOKED": stack.sql("SELECT count(*) FROM ticketing.seats WHERE show_id = 'load' AND status <> 'BOOKED'")[0][0],
        "events missing in the log": bookings * len(STREAMS) - stack.sql("SELECT count(*) FROM log.events")[0][0],
        "dead letters": stack.redis.xlen("dead"),
    }
    if any(wrong.values()):
        raise Failed("the load went wrong: " + ", ".join(f"{count} {what}" for what, count in wrong.items() if count))


def _batches(stack):
    """{step: entries a batch, batches, ms from begin to committed}, over all processes."""
    sums = {}
    for name in stack.pids():
        if name in ("redis", "postgres", "publisher"):
            continue
        for metric, value in stack.metrics(name).items():
            base, _, labels = metric.partition("{")
            if base in ("karcis_step_batch_entries_sum", "karcis_step_batch_entries_count", "karcis_step_commit_seconds_sum",
                        "karcis_step_conflicts_total"):
                key = labels.split('"')[1], base.removeprefix("karcis_step_")
                sums[key] = sums.get(key, 0) + value
    steps = {}
    for step in sorted({step for step, _ in sums}):
        count = sums.get((step, "batch_entries_count"), 0)
        if count:
            steps[step] = {"batches": int(count), "entries": round(sums[step, "batch_entries_sum"] / count, 1),
                           "commit_ms": round(sums[step, "commit_seconds_sum"] / count * 1000, 2),
                           "conflicts": int(sums.get((step, "conflicts_total"), 0))}
    return steps


def _split(used_us, bookings):
    """{"PostgreSQL": µs a booking, …}: processes of a kind together."""
    kinds = {}
    for name, us in used_us.items():
        kind = name.rpartition("-")[0] if name[-1].isdigit() else name
        kinds[kind] = kinds.get(kind, 0) + us / bookings
    return {kind: round(us, 2) for kind, us in kinds.items()}


def _volume(stack):
    lsn = int(stack.sql("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")[0][0])
    return lsn, stack.redis.info("persistence")["aof_current_size"]


def load(stack, publish, bookings, users, rate=0, connections=4, pipeline=250):
    """So many bookings of so many seats, as fast as they come (or at a rate): from the first XADD to the last CONFIRMED, and to
    the last event committed to the log. All processor time until then counts, but the generator's is told apart."""
    stack.make_show("load", bookings)
    stack.checkpoint()
    meter = Meter(stack.pids())
    wal, aof = _volume(stack)
    meter.start()
    generator = subprocess.Popen([publish, "load", str(stack.redis_port), "load", "1", str(bookings), str(users),
                                  str(connections), str(pipeline), str(rate)], stdout=subprocess.PIPE, text=True)
    while not (first := stack.redis.xrange("booking.requested", count=1)):
        time.sleep(0.001)
    first_ms = _ms(first[0][0])
    _Watch(meter, bookings, "confirmed").until(lambda: _added(stack, "booking.closed")[0], 0.2)
    confirmed_s = (_ms(_added(stack, "booking.closed")[1]) - first_ms) / 1000
    _Watch(meter, bookings * len(STREAMS), "logged").until(lambda: _logged(stack), 0.02)
    logged_s = time.time() - first_ms / 1000
    used_us, machine_us, stolen_us = meter.stop()
    written = _volume(stack)
    generated = json.loads(generator.communicate()[0])
    generator_us = generated["cpu_seconds"] * 1e6
    _check(stack, bookings)
    progress("")
    return {
        "bookings": bookings,
        "confirmed_per_s": round(bookings / confirmed_s),
        "logged_per_s": round(bookings / logged_s),
        "published_per_s": round(bookings / generated["seconds"]),
        "cpu_us": round(sum(used_us.values()) / bookings, 2),
        "cpu_us_of": _split(used_us, bookings),
        "generator_cpu_us": round(generator_us / bookings, 2),
        "others_cores": round((machine_us - sum(used_us.values()) - generator_us) / logged_s / 1e6, 2),
        "stolen_cores": round(stolen_us / logged_s / 1e6, 2),
        "wal_bytes": round((written[0] - wal) / bookings),
        "aof_bytes": round((written[1] - aof) / bookings),
        "memory_mib": meter.memory(),
        "steps": _batches(stack),
    }


def latency(stack, publish, bookings, warm_up=100):
    """One booking at a time: XADD until its CONFIRMED is on booking.closed."""
    stack.make_show("latency", bookings + warm_up)
    stack.checkpoint()
    progress(f"  latency: {bookings} bookings, one at a time")
    done = subprocess.run([publish, "latency", str(stack.redis_port), "latency", "1", str(bookings), str(warm_up)],
                          stdout=subprocess.PIPE, text=True)
    progress("")
    if done.returncode:
        raise Failed("the latency could not be measured")
    ms = sorted(int(line) / 1000 for line in done.stdout.split())
    cuts = statistics.quantiles(ms, n=100, method="inclusive")
    return {"bookings": bookings, "p50_ms": round(cuts[49], 2), "p90_ms": round(cuts[89], 2), "p99_ms": round(cuts[98], 2),
            "max_ms": round(ms[-1], 2)}


class _Onlooker(threading.Thread):
    """Somebody looks at /stats once a second, as a page does."""

    def __init__(self, stack):
        super().__init__()
        self.stack, self.ms, self.stopped = stack, [], threading.Event()

    def run(self):
        while not self.stopped.wait(1):
            begun_s = time.monotonic()
            self.stack.stats()
            self.ms.append((time.monotonic() - begun_s) * 1000)

    def stop(self):
        self.stopped.set()
        self.join()
        return {"median": round(statistics.median(self.ms)), "max": round(max(self.ms))} if self.ms else None


def _used_mib(stack):
    return round(stack.redis.info("memory")["used_memory"] / 2**20, 1)


def _is_trimmed(stack, keep):
    """Whole nodes are cut off: a few entries more than are kept may stay."""
    return all(stack.redis.xlen(stream) <= keep + 100 for stream in STREAMS)


def backlog(stack, publish, bookings, users, keep=50_000, connections=4, pipeline=250):
    """So many bookings are asked for while nobody works; then the workers come."""
    stack.make_show("load", bookings)
    stack.checkpoint()
    redis_mib = {"empty": _used_mib(stack)}
    generated = subprocess.run([publish, "load", str(stack.redis_port), "load", "1", str(bookings), str(users), str(connections),
                                str(pipeline), "0"], stdout=subprocess.PIPE, text=True, check=True)
    redis_mib["loaded"] = redis_mib["most"] = _used_mib(stack)
    begun_s = time.monotonic()
    stack.add_programs(TICKET_WORKERS=1, PAYMENT_WORKERS=1, AGGREGATORS=1)
    onlooker = _Onlooker(stack)
    onlooker.start()
    meter = Meter(stack.pids())
    progress_s, counts, used_us = [], [], []

    def closed():
        redis_mib["most"] = max(redis_mib["most"], _used_mib(stack))
        progress_s.append(time.monotonic() - begun_s)
        used_us.append(meter.used_us())
        counts.append(_added(stack, "booking.closed")[0])
        return counts[-1]

    try:
        _Watch(meter, bookings, "confirmed").until(closed, 0.5)
        drained_s = time.monotonic() - begun_s
        _Watch(meter, bookings * len(STREAMS), "logged").until(lambda: _logged(stack), 0.2)
        logged_s = time.monotonic() - begun_s
        _Watch(meter, 1, "trimmed").until(lambda: int(_is_trimmed(stack, keep)), 0.5)
    finally:
        stats_ms = onlooker.stop()
    redis_mib["trimmed"] = _used_mib(stack)
    _check(stack, bookings)
    violations = stack.violations()
    if violations:
        raise Failed(f"invariants do not hold: {violations}")
    progress("")
    return {
        "bookings": bookings,
        "loaded_per_s": round(bookings / json.loads(generated.stdout)["seconds"]),
        "drained_s": round(drained_s, 1),
        "drained_per_s": round(bookings / drained_s),
        "tenths_per_s": _tenths(progress_s, counts),
        "cpu_us_of_half": _halves(used_us, counts),
        "logged_s": round(logged_s, 1),
        "redis_mib": redis_mib,
        "memory_mib": meter.memory(),
        "stats_ms": stats_ms,
    }


def _tenths(at_s, counts):
    """The rate in each tenth of the backlog: does it slow down, or begin slowly?"""
    rates, last_s, last = [], 0, 0
    for tenth in range(1, 11):
        s, count = next((s, count) for s, count in zip(at_s, counts) if count >= counts[-1] * tenth / 10)
        if count > last and s > last_s:
            rates.append(round((count - last) / (s - last_s)))
        last_s, last = s, count
    return rates


def _halves(used_us, counts):
    """CPU µs a booking in each half, of each kind of process: what grows with the backlog costs more in one of them."""
    middle = next(i for i, count in enumerate(counts) if count >= counts[-1] / 2)
    return [_split({name: used_us[to][name] - used_us[since][name] for name in used_us[to]}, max(counts[to] - counts[since], 1))
            for since, to in ((0, middle), (middle, len(counts) - 1))]


def _floor(stack, command, pids, bookings, generator=None):
    meter = Meter(pids)
    stack.checkpoint()
    meter.start()
    published = subprocess.Popen(generator, stdout=subprocess.DEVNULL) if generator else None
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    used_us, machine_us, _ = meter.stop()
    if done.returncode or (published and published.wait()):
        raise Failed(f"{command[0]} failed")
    seconds = json.loads(done.stdout)["seconds"]
    return {"bookings": bookings, "per_s": round(bookings / seconds), "cpu_us": round(sum(used_us.values()) / bookings, 2)}


def floor_sql(stack, program, bookings, batch):
    """The same rows written by the same statements in batches of the same size, without Redis and without deciding."""
    stack.make_show("load", bookings)
    return _floor(stack, [program, stack.database_url, "load", str(bookings), str(batch)],
                  {"postgres": stack.pids()["postgres"]}, bookings)


def floor_redis(stack, program, publish, bookings, users, batch, connections=4, pipeline=250):
    """The same entries said, read and acknowledged in batches of the same size, without PostgreSQL."""
    generator = [publish, "load", str(stack.redis_port), "load", "1", str(bookings), str(users), str(connections),
                 str(pipeline), "0"]
    return _floor(stack, [program, str(stack.redis_port), str(bookings), str(batch)],
                  {"redis": stack.pids()["redis"]}, bookings, generator)
