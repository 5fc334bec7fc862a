"""How each fault is done, and undone. Each is a generator: what stands before `yield` breaks something, what stands behind it
mends it. A fault whose victim is not there just now is skipped; one that was begun is always undone."""
import contextlib
import os
import random
import shutil
import signal
import threading
import time

import psycopg2
import redis

from karcis import GROUPS, wait_until
from journal import wall_ms
from plan import DRIFT_MAX, jump_s

DRIFT_STEP_S = 0.02  # a clock that runs a tenth too fast is 2 ms further each time


class Skipped(Exception):
    """The victim is not there, or is busy with another fault."""


class Hands:
    """What faults are done with."""

    def __init__(self, stack, journal):
        self.stack, self.journal = stack, journal
        self.redis = redis.Redis(port=stack.port_base + 3, socket_timeout=3, decode_responses=True, encoding_errors="surrogateescape")
        self.least = {"ticket-worker": 1, "payment-worker": 1, "aggregator": 1}
        self.copies = {}

    # ---- victims ----

    def victim(self, kind, pick):
        names = sorted(name for name in self.stack.workers(kind) if self.stack.pid(name))
        if not names:
            raise Skipped(f"no {kind} runs")
        return names[int(pick * len(names))]

    def signal(self, name, number, status=None):
        """Sends it; if it ends the program, with which status. Its pid."""
        pid = self.stack.pid(name)
        if not pid:
            raise Skipped(f"{name} does not run")
        if status is not None:
            self.stack.expected_ends[name, status] += 1
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            if status is not None:
                self.stack.expected_ends[name, status] -= 1
            raise Skipped(f"{name} has just ended") from None
        return pid

    def script(self, *words):
        """stack/stack WORDS, until it has worked: what it needs may be down itself for a moment."""
        for _ in range(8):
            status, text = self.stack.command(*words, check=False)
            if status == 0:
                return text
            time.sleep(0.5)
        raise AssertionError(f"stack {' '.join(words)}: {text}")

    def superuser(self):
        try:
            return psycopg2.connect(self.stack.role_url("postgres", "postgres"), connect_timeout=2)
        except psycopg2.Error as error:
            raise Skipped(f"PostgreSQL is away: {error}".strip()) from None

    def backends(self):
        """The pids that serve our programs."""
        with contextlib.closing(self.superuser()) as connection, connection.cursor() as cursor:
            cursor.execute(r"SELECT pid FROM pg_stat_activity WHERE usename LIKE 'karcis\_%' ORDER BY pid")
            return [pid for pid, in cursor.fetchall()]

    def copy_redis(self, fault):
        """Keeps a copy of what Redis has on disk now, for the fault to come back with."""
        source, copy = f"{self.stack.run_dir}/redis/appendonlydir", f"{self.stack.run_dir}/redis-copy-{fault.n}"
        began = wall_ms()
        with contextlib.suppress(FileNotFoundError):  # rewritten meanwhile: no copy, no fault
            shutil.copytree(source, copy)
            self.copies[fault.n] = copy, began


# ---- our programs ----

def kill(hands, fault):
    name = hands.victim(fault.kind.removeprefix("kill-"), fault.pick)
    pid = hands.signal(name, signal.SIGKILL, 137)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), f"{name} is gone", timeout=20)
    yield name


def terminate(hands, fault):
    name = hands.victim(fault.kind.removeprefix("terminate-"), fault.pick)
    hands.signal(name, signal.SIGTERM, 0)
    yield name


def freeze(hands, fault):
    name = hands.victim(fault.kind.removeprefix("freeze-"), fault.pick)
    pid = hands.signal(name, signal.SIGSTOP)
    try:
        yield name
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def add(hands, fault):
    kind = fault.kind.removeprefix("add-")
    if len(hands.stack.workers(kind)) >= 5:
        raise Skipped("enough of them")
    name = hands.script("add", kind).split(" ready")[0].split()[-1]
    yield name
    hands.script("remove", name)


def remove(hands, fault):
    kind = fault.kind.removeprefix("remove-")
    name = hands.victim(kind, fault.pick)
    if len(hands.stack.workers(kind)) < 2:
        raise Skipped("the last one")
    hands.script("remove", name)
    yield name
    hands.script("restart", name)


def kill_supervisor(hands, fault):
    """The kernel tells the program to end; somebody has to start both again."""
    name = hands.victim(("ticket-worker", "payment-worker", "aggregator", "publisher")[int(fault.pick * 4)], 0)
    with open(f"{hands.stack.run_dir}/pids/{name}.supervisor.pid", encoding="ascii") as file:
        os.kill(int(file.read()), signal.SIGKILL)
    yield name
    hands.script("restart", name)


# ---- Redis ----

IN_HAND = (("ticket-worker", "booking.requested", "hold"), ("ticket-worker", "payment.done", "settle"),
           ("payment-worker", "seat.held", "invoice"), ("payment-worker", "invoice.created", "charge"))


def freeze_redis_kill_workers(hands, fault):
    """All workers of a kind die while Redis cannot be told what they have committed: the next ones find it done and unsaid. Redis
    is frozen when one of them has something in hand."""
    kind, stream, group = IN_HAND[int(fault.pick * len(IN_HAND))]
    names = hands.stack.workers(kind)
    until = time.monotonic() + 1
    while not hands.redis.xpending(stream, group)["pending"] and time.monotonic() < until:
        pass
    pid = hands.signal("redis", signal.SIGSTOP)
    try:
        time.sleep(0.3)
        for name in names:
            with contextlib.suppress(Skipped):
                hands.signal(name, signal.SIGKILL, 137)
        yield f"redis, {len(names)} {kind}s"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def stop_server(hands, fault):
    name = fault.kind.removeprefix("stop-")
    hands.script("remove", name)
    yield name
    hands.script("restart", name)


def fill_redis(hands, _):
    used = hands.redis.info("memory")["used_memory"]
    before = hands.redis.config_get("maxmemory")["maxmemory"]
    hands.redis.config_set("maxmemory", max(int(used * 0.9), 1_000_000))
    yield "redis"
    wait_until(lambda: mended(lambda: hands.redis.config_set("maxmemory", before)), "maxmemory is what it was", timeout=60)


def mended(action):
    try:
        return action()
    except (redis.RedisError, OSError):
        return None


def cut_connections(hands, _):
    yield f"{hands.redis.execute_command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')} connections"


def cut_some_connections(hands, fault):
    mine = hands.redis.client_id()
    others = sorted(int(client["id"]) for client in hands.redis.client_list() if int(client["id"]) != mine)
    victims = [other for i, other in enumerate(others) if int(fault.pick * 1e6) >> i % 16 & 1]
    for victim in victims:
        with contextlib.suppress(redis.ResponseError):
            hands.redis.client_kill_filter(_id=victim)
    yield f"{len(victims)} connections"


def destroy_group(hands, fault):
    groups = [(stream, group["name"]) for stream in sorted(GROUPS) if hands.redis.exists(stream)
              for group in hands.redis.xinfo_groups(stream)]
    if not groups:
        raise Skipped("no group")
    stream, group = groups[int(fault.pick * len(groups))]
    hands.redis.xgroup_destroy(stream, group)
    yield f"{stream}/{group}"


def flushall(hands, fault):
    began = wall_ms()
    hands.redis.flushall()
    hands.journal.write(loss=fault.kind, fault=fault.n, since_ms=began, until_ms=wall_ms())
    yield "redis"


def older_copy(hands, fault):
    if fault.n not in hands.copies:
        raise Skipped("there is no copy")
    copy, since_ms = hands.copies.pop(fault.n)
    hands.script("remove", "redis")
    shutil.rmtree(f"{hands.stack.run_dir}/redis/appendonlydir")
    shutil.move(copy, f"{hands.stack.run_dir}/redis/appendonlydir")
    hands.journal.write(loss=fault.kind, fault=fault.n, since_ms=since_ms, until_ms=wall_ms())
    hands.script("restart", "redis")
    yield f"redis, of {wall_ms() - since_ms:.0f} ms ago"


# ---- PostgreSQL ----

def kill_server(hands, fault):
    name = fault.kind.removeprefix("kill-")
    hands.signal(name, signal.SIGKILL, 137)
    yield name


def freeze_backends(hands, fault):
    pids = hands.backends()
    victims = pids[int(fault.pick * len(pids)):][:1 + int(fault.pick * 1000) % 4]
    try:
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        yield f"{len(victims)} backends"
    finally:
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def end_backends(hands, _):
    with contextlib.closing(hands.superuser()) as connection, connection.cursor() as cursor:
        cursor.execute(r"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'karcis\_%'")
        count = cursor.rowcount
    yield f"{count} backends"


# ---- clocks ----

@contextlib.contextmanager
def wrong_clock(hands, fault, name, furthest_s):
    """Its clock may be wrong inside, by no more than `furthest_s`, and is right again afterwards. Of the clock of Redis the checker must
    know from when to when the ids lie that it makes: a stream's stay ahead until the time has caught up with them."""
    since_ms = wall_ms() + min(0, furthest_s * 1000)
    try:
        yield
    finally:
        hands.stack.set_clock(name, 0)
        if name == "redis":
            hands.journal.write(clock=name, fault=fault.n, since_ms=since_ms, until_ms=wall_ms() + max(0, furthest_s * 1000))


def jump(hands, fault):
    kind = fault.kind.removeprefix("jump-")
    name = kind if kind in ("redis", "postgres") else hands.victim(kind, fault.pick)
    seconds = jump_s(fault)
    with wrong_clock(hands, fault, name, seconds):
        hands.stack.set_clock(name, seconds)
        yield f"{name} {seconds:+.1f} s"


def drift_clocks(hands, fault):
    """All clocks run apart, each at a pace of its own, and jump back when it is over."""
    dice, over, began = random.Random(fault.pick), threading.Event(), time.monotonic()
    paces = {name: dice.uniform(-DRIFT_MAX, DRIFT_MAX) for name in hands.stack.clock_names}

    def drift():
        while not over.wait(DRIFT_STEP_S):
            for name, pace in paces.items():
                hands.stack.set_clock(name, pace * (time.monotonic() - began))

    thread = threading.Thread(target=drift, name="drift", daemon=True)
    with contextlib.ExitStack() as clocks:
        for name, pace in paces.items():
            clocks.enter_context(wrong_clock(hands, fault, name, pace * fault.length))
        thread.start()
        try:
            yield f"{len(paces)} clocks"
        finally:
            over.set()
            thread.join()


EXACT = {"kill-supervisor": kill_supervisor, "kill-redis": kill_server, "kill-postgres": kill_server, "fill-redis": fill_redis,
         "freeze-redis": freeze, "freeze-redis-kill-workers": freeze_redis_kill_workers, "stop-redis": stop_server,
         "stop-postgres": stop_server, "cut-connections": cut_connections, "cut-some-connections": cut_some_connections,
         "destroy-group": destroy_group, "freeze-backends": freeze_backends, "end-backends": end_backends, "flushall": flushall,
         "older-copy": older_copy, "drift-clocks": drift_clocks}
BY_VERB = {"kill": kill, "terminate": terminate, "freeze": freeze, "add": add, "remove": remove, "jump": jump}


def doing(hands, fault):
    """The fault as a context: inside it, it holds. Gives the victim's name."""
    how = EXACT.get(fault.kind) or BY_VERB[fault.kind.split("-")[0]]
    return contextlib.contextmanager(how)(hands, fault)
