"""A private stack for tests, and the words in which tests speak of it.

Everything is real: the stack's own script starts Redis, PostgreSQL and our programs (the sanitizer build) on free ports and
under a folder that is removed afterwards. Tests wait for conditions, never for time to pass. After each test the programs' logs
are read: a sanitizer's report, a failed assertion or a death that the test did not ask for fails the test that caused it.
"""
import contextlib
import fcntl
import glob
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import uuid
from collections import Counter

import psycopg2
import redis

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN_DIR = os.environ.get("BIN_DIR", os.path.join(ROOT, "build/check/bin"))
PROGRAMS = ("publisher", "ticket-worker", "payment-worker", "aggregator")
PORTS_OF_A_STACK = 70

# Who reads what, always (DESIGN 2). Groups of steps that are not built yet are found in Redis when they are there.
GROUPS = {
    "booking.requested": {"hold"},
    "seat.held": {"invoice"},
    "invoice.created": {"bill", "charge"},
    "payment.requested": {"charge"},
    "payment.done": {"settle"},
}
STREAMS = ("booking.requested", "seat.reserved", "seat.held", "invoice.created", "payment.requested", "payment.done",
           "cancel.requested", "booking.closed", "events")

SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:exitcode=66",
    "LSAN_OPTIONS": "exitcode=66",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:exitcode=66",
}
SHAME = re.compile(r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:|Assertion .* failed")
ENDED = re.compile(r'program=supervise name=\S+ event="ended with status (\d+)')

# One atomic look: a fact that travels from one stream to the next is seen on one of them.
UNREAD_SCRIPT = """
local unread = {}
for _, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then
    local stream = redis.call('XINFO', 'STREAM', key)
    local last
    for i = 1, #stream, 2 do if stream[i] == 'last-generated-id' then last = stream[i + 1] end end
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do
      local is = {}
      for i = 1, #group, 2 do is[group[i]] = group[i + 1] end
      unread[#unread + 1] = {key, is['name'], is['pending'], is['last-delivered-id'] == last and 1 or 0}
    end
  end
end
return unread
"""


def wait_until(condition, what, timeout=10):
    """The first true answer of the condition. It fails with `what`; a condition that raises AssertionError says more."""
    end = time.monotonic() + timeout
    while True:
        why = ""
        try:
            answer = condition()
            if answer:
                return answer
        except AssertionError as error:
            why = f" ({error})"
        assert time.monotonic() < end, f"not within {timeout} s: {what}{why}"
        time.sleep(0.01)


def new_id():
    return str(uuid.uuid4())


LOCKS = f"{tempfile.gettempdir()}/karcis-test-ports-"


def _lock(path):
    """The file, locked; None if somebody has it. The lock ends with this process, however it ends."""
    try:
        file = open(path, "a+")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file
    except OSError:
        return None


def _take_ports(run_dir):
    """A PORT_BASE whose whole range is free, and the lock that keeps other test runs off it."""
    bases = list(range(10000, 32000, PORTS_OF_A_STACK))
    random.shuffle(bases)
    for base in bases:
        lock = _lock(f"{LOCKS}{base}")
        if lock and all(_is_free(base + i) for i in range(PORTS_OF_A_STACK)):
            lock.truncate(0)
            lock.write(run_dir)
            lock.flush()
            return base, lock
        if lock:
            _give_back(lock)
    raise AssertionError("no free ports")


def _give_back(lock):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(lock.name)
    lock.close()


def clean_up_after_killed_runs():
    """Ends the stacks of test runs that could not do it themselves."""
    for path in glob.glob(f"{LOCKS}*"):
        lock = _lock(path)
        if lock:
            lock.seek(0)
            run_dir = lock.read()
            if os.path.exists(f"{run_dir}/lock"):
                subprocess.run([f"{ROOT}/stack/stack", "clean"], env={**os.environ, "RUN_DIR": run_dir}, check=False)
            _give_back(lock)


def _is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Stack:
    running = []  # for reports of failures

    def __init__(self, **settings):
        """Settings are environment variables: of the stack (TICKET_WORKERS=4) and of the programs (PAYMENT_FAILURE_RATE=0)."""
        self.run_dir = tempfile.mkdtemp(prefix="karcis-test-")
        self.port_base, self.port_lock = _take_ports(self.run_dir)
        self.settings = {"PAYMENT_FAILURE_RATE": 0, **settings}
        self.expected_ends = Counter()
        self.read_up_to = {}
        self.show_count = 0
        self.entries_deleted = 0

    # ---- starting and stopping ----

    def environment(self, **settings):
        """Nothing of the caller's own settings gets through, whatever shell the tests are run from."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "PG_BIN") if name in os.environ}
        ours = {"RUN_DIR": self.run_dir, "PORT_BASE": self.port_base, "BIN_DIR": BIN_DIR, **self.settings, **settings}
        return {**kept, **SANITIZERS, **{name: str(value) for name, value in ours.items()}}

    def command(self, *words, check=True, **settings):
        """stack/stack WORDS; what it printed."""
        done = subprocess.run([f"{ROOT}/stack/stack", *words], env=self.environment(**settings), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400)
        assert not check or done.returncode == 0, f"stack {' '.join(words)} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout if check else (done.returncode, done.stdout)

    @classmethod
    def start(cls, **settings):
        stack = cls(**settings)
        try:
            return stack.up()
        except BaseException:
            stack.down()
            raise

    def up(self):
        Stack.running.append(self)
        self.command("up")
        self.connect()
        return self

    def connect(self):
        self.env = dict(re.findall(r"^export (\w+)=(.*)$", self._text("env"), re.M))
        self.secrets = dict(re.findall(r"^(\w+)=(.*)$", self._text("secrets"), re.M))
        self.redis = redis.Redis(port=self.port_base + 3, decode_responses=True, encoding_errors="surrogateescape")
        self.database = psycopg2.connect(self.env["DATABASE_URL"])
        self.database.autocommit = True
        self.unread_script = self.redis.register_script(UNREAD_SCRIPT)

    def down(self):
        """Stops everything and forgets it. Returns what the programs did wrong on their way out."""
        try:
            with contextlib.suppress(AttributeError):
                self.database.close()
                self.redis.close()
            alive = [name for name in self.names() if self.pid(name) and os.path.exists(f"/proc/{self.pid(name)}")]
            self.command("down")
            return self.misdeeds() + [f"{name} was not drained at its end" for name in alive
                                      if name not in ("redis", "postgres") and not self._has_drained(name)]
        finally:
            self.command("clean", check=False)
            shutil.rmtree(self.run_dir, ignore_errors=True)
            _give_back(self.port_lock)
            Stack.running.remove(self)

    def end(self):
        """down(), and everybody must have gone well."""
        misdeeds = self.down()
        assert not misdeeds, "\n".join(misdeeds)

    def add(self, kind, **settings):
        return re.search(rf"^({kind}-\d+) ready", self.command("add", kind, **settings), re.M).group(1)

    def remove(self, name):
        self.command("remove", name)
        assert self._has_drained(name), f"{name} did not end well:\n{self.tail(name)}"

    @contextlib.contextmanager
    def restarted(self, name, **settings):
        """The process with other settings for a while."""
        self.command("restart", name, **settings)
        yield
        self.command("restart", name)

    # ---- processes ----

    def _text(self, path):
        try:
            with open(os.path.join(self.run_dir, path), errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def names(self):
        return sorted(name[:-4] for name in os.listdir(f"{self.run_dir}/logs") if name.endswith(".log") and name != "initdb.log")

    def workers(self, kind):
        return [name for name in self.names() if name.startswith(kind) and self.pid(name)]

    def pid(self, name):
        return int(self._text(f"pids/{name}.pid") or 0)

    def supervisor(self, name):
        return int(self._text(f"pids/{name}.supervisor.pid"))

    def port(self, name):
        kind, _, number = name.rpartition("-")
        first = {"ticket-worker": 10, "payment-worker": 30, "aggregator": 49}
        if name in ("publisher", "aggregator-1"):
            return self.port_base + (1 if name == "publisher" else 2)
        return self.port_base + first[kind] + int(number) - 1

    def log(self, name):
        return self._text(f"logs/{name}.log")

    def tail(self, name, lines=15, width=200):
        """The end of its log; of a program's usual lines only the last ones."""
        said = self.log(name).splitlines()
        worth = [line for line in said if "level=info" not in line and "level=debug" not in line] + said[-3:]
        return "\n".join(line[:width] for line in worth[-lines:])

    def consumer(self, name):
        """What the program's present life is called in Redis."""
        return re.findall(r"consumer=(\S+) .*event=started", self.log(name))[-1]

    def signal(self, name, number):
        """Sends it to the program; its pid. One that was just killed has a pid that nobody has, for a moment."""
        def sent():
            pid = self.pid(name)
            with contextlib.suppress(ProcessLookupError):
                if pid:
                    os.kill(pid, number)
                    return pid
        return wait_until(sent, f"{name} runs")

    def kill(self, name):
        """Kills the program; its supervisor starts it again."""
        self.expected_ends[name, 137] += 1
        pid = self.signal(name, signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"), f"{name} is gone")

    def terminate(self, name):
        """SIGTERM. (its exit status, seconds it took); the supervisor starts it again."""
        ends = len(ENDED.findall(self.log(name)))
        started = time.monotonic()
        self.signal(name, signal.SIGTERM)
        statuses = wait_until(lambda: ENDED.findall(self.log(name))[ends:], f"{name} ends", timeout=20)
        self.expected_ends[name, 0] += 1
        return int(statuses[0]), time.monotonic() - started

    def is_ready(self, name):
        return self.http("GET", self.port(name), "/readyz")[0] == 200

    def wait_ready(self, *names):
        for name in names:
            wait_until(lambda: self.pid(name) and self.is_ready(name), f"{name} is ready", timeout=60)

    def _has_drained(self, name):
        return any("event=stopped" in line for line in self.log(name).splitlines()[-1:])

    def misdeeds(self):
        """What the programs' logs say, since this was asked last, that no test may cause."""
        found = []
        for name in self.names():
            log = self.log(name)
            news, self.read_up_to[name] = log[self.read_up_to.get(name, 0):], len(log)
            lines = news.splitlines()
            for i, line in enumerate(lines):
                if SHAME.search(line):
                    found.append("\n".join([f"{name}:", *lines[i:i + 25]]))
            ends = Counter((name, int(status)) for status in ENDED.findall(news))
            for end, count in (ends - self.expected_ends).items():
                found.append(f"{name} ended {count} times with status {end[1]}, unasked")
            self.expected_ends -= ends
        return found

    def check_misdeeds(self):
        misdeeds = self.misdeeds()
        assert not misdeeds, "\n".join(misdeeds)

    def check_rules(self):
        self.wait_drained()
        violations = self.violations()
        self.check_misdeeds()
        assert not violations, violations

    def check_at_rest(self):
        """What every test leaves behind: nothing under way, all invariants, and logs without shame."""
        self.check_rules()
        wait_until(self.counts_every_entry_once, "every entry counts once", timeout=30)

    def counts_every_entry_once(self):
        """True, now or a little later: what waited for long may just now have been said again."""
        counted = self.one("SELECT coalesce(sum(unique_processed + duplicate_dropped + rejected), 0) FROM log.counters")
        added = self.entries_added()
        assert counted == added, f"{counted} counted, {added} added"
        return True

    # ---- HTTP ----

    def http(self, method, port, path, body=None, headers=None, timeout=5):
        """(status, body); status 0 when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()

    def stats(self):
        """What the aggregator counts. It counts at most once a second: what has just happened may not be in it."""
        status, body = self.http("GET", self.port("aggregator-1"), "/stats", timeout=20)
        assert status == 200, body
        return json.loads(body)

    # ---- the store ----

    def rows(self, sql, *values):
        with self.database.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall() if cursor.description else []

    def one(self, sql, *values):
        (row,) = self.rows(sql, *values)
        return row[0] if len(row) == 1 else row

    def role_url(self, role, database="karcis"):
        """The database as one of our programs sees it; postgres: as the server's superuser does."""
        secret = "POSTGRES_PASSWORD" if role == "postgres" else f"{role.upper()}_DB_PASSWORD"
        user = role if role == "postgres" else f"karcis_{role}"
        return f"postgres://{user}:{self.secrets[secret]}@127.0.0.1:{self.port_base + 4}/{database}"

    def psql(self, text, *options):
        """What psql prints for a script, as the owner."""
        done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *options, self.env["DATABASE_URL"]], input=text,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def violations(self, live=False):
        """The rules of schema/invariants.sql that do not hold, and how often not."""
        lines = self.psql(rf"\i {ROOT}/schema/invariants.sql", *(["-v", "live=1"] if live else [])).splitlines()
        rules = dict(line.split("|") for line in lines)
        assert len(rules) >= 20, "the rules were not checked"
        return {rule: int(count) for rule, count in rules.items() if count != "0"}

    # ---- shows and bookings ----

    def show(self, *labels, seats=0, general=False, amount=125000, prices=None):
        """A show of the test's own, with seats of these labels or this many, 001 and up. Returns its id."""
        self.show_count += 1
        show = f"show-{self.show_count}"
        labels = list(labels) or [f"{n:03}" for n in range(1, seats + 1)]
        self.rows("INSERT INTO ticketing.shows (show_id, title, amount, currency, general) VALUES (%s, %s, %s, 'IDR', %s)",
                  show, f"Show {self.show_count}", amount, general)
        self.rows("INSERT INTO ticketing.seats (show_id, label, position, amount) "
                  "SELECT %s, label, place, amount FROM unnest(%s::text[], %s::bigint[]) WITH ORDINALITY AS s(label, amount, place) "
                  "ORDER BY place", show, labels, [(prices or {}).get(label) for label in labels])
        return show

    def xadd(self, fields, stream="booking.requested", pipe=None):
        """Fields as a dict, or as a list of pairs when their names repeat. Returns the entry's id."""
        pairs = fields.items() if isinstance(fields, dict) else fields
        return (pipe or self.redis).execute_command("XADD", stream, "*", *(word for pair in pairs for word in pair))

    def book(self, show, *seats, quantity=None, user="ayu", pipe=None, **fields):
        """Asks for these seats, or for that many. Returns the booking's id."""
        booking = fields.pop("booking_id", None) or new_id()
        asked = {"quantity": quantity} if quantity is not None else {"seats": ",".join(seats)}
        self.xadd({"booking_id": booking, "user": user, "show": show, **asked, **fields}, pipe=pipe)
        return booking

    def booking(self, booking):
        """Its row as a dict, None if there is none."""
        with self.database.cursor() as cursor:
            cursor.execute("SELECT booking_id::text, status::text, reason, seats, seat_ids, amount, currency, quantity, user_name, "
                           "show_id, pays_by_link, hold_expires_at, requested_at, closed_at, entry_ms || '-' || entry_seq AS entry "
                           "FROM ticketing.bookings WHERE booking_id = %s", (booking,))
            row = cursor.fetchone()
            return row and dict(zip((column.name for column in cursor.description), row))

    def booking_of_entry(self, entry):
        ms, sequence = entry.split("-")
        found = self.rows("SELECT booking_id::text FROM ticketing.bookings WHERE (entry_ms, entry_seq) = (%s, %s)", ms, sequence)
        return found[0][0] if found else None

    def wait_for(self, booking, status, timeout=10):
        """The booking's row once it has this status. After 10 s re-driving would mend what a test is to see broken (REDRIVE_AFTER_MS)."""
        def has_status():
            row = self.booking(booking)
            assert row and row["status"] == status, f"it is {row and (row['status'], row['reason'])}"
            return row
        return wait_until(has_status, f"booking {booking} is {status}", timeout)

    def seats(self, show):
        """{label: (status, booking)}"""
        return {label: (status, booking) for label, status, booking in self.rows(
            "SELECT label, status::text, booking_id::text FROM ticketing.seats WHERE show_id = %s ORDER BY position", show)}

    def open_seats(self, show):
        return [label for label, (status, _) in self.seats(show).items() if status == "OPEN"]

    # ---- the wire ----

    def entries(self, stream, booking=None):
        """[(entry id, fields)] in the stream's order; of one booking, if named."""
        return [(entry, fields) for entry, fields in self.redis.xrange(stream)
                if booking is None or fields.get("booking_id") == booking]

    def entries_added(self):
        """How many entries were ever added to all streams but `dead`."""
        return self.entries_deleted + sum(self.redis.xinfo_stream(stream)["entries-added"] for stream in STREAMS
                                          if self.redis.exists(stream))

    def delete_streams(self):
        added = self.entries_added()
        self.redis.delete(*STREAMS)
        self.entries_deleted = added

    def dead_letters(self, entry, stream="booking.requested"):
        """{step: its dead letter about the entry}"""
        return {fields["step"]: fields for _, fields in self.redis.xrange("dead")
                if (fields["stream"], fields["entry_id"]) == (stream, entry)}

    def wait_dead(self, entry, stream="booking.requested", step="hold", timeout=10):
        return wait_until(lambda: self.dead_letters(entry, stream).get(step), f"entry {entry} of {stream} is dead for {step}", timeout)

    def pending(self, stream, group):
        """{consumer: entries it was given and has not acknowledged}"""
        return {owner["name"]: owner["pending"] for owner in self.redis.xpending(stream, group)["consumers"]}

    def backlog(self):
        """{stream/group: entries pending, or 'unread'} of all groups that have something left to do."""
        groups = self.unread_script(keys=[*STREAMS, "dead"])
        seen = {(stream, group) for stream, group, _, _ in groups}
        left = {f"{stream}/{group}": "no group" for stream, steps in GROUPS.items() for group in steps if (stream, group) not in seen}
        for stream, group, pending, is_read in groups:
            if pending or not is_read:
                left[f"{stream}/{group}"] = pending or "unread"
        return left

    def wait_drained(self, timeout=60):
        """Nothing is unread or pending anywhere."""
        def drained():
            left = self.backlog()
            assert not left, left
            return True
        wait_until(drained, "everything has drained", timeout)


class Load:
    """Bookings without end, each for a seat of its own, until the block is left, however long that takes: 500 a second at most, so that
    the seats last for 40 s where Redis's disk holds nobody up, too."""

    def __init__(self, stack, seats=20000):
        self.stack, self.show, self.booked = stack, stack.show(seats=seats), []
        self.seats = iter(list(stack.seats(self.show)))
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        began = time.monotonic()
        for seat in self.seats:
            if self.stopped.is_set():
                return
            self.booked.append(self.stack.book(self.show, seat))
            self.stopped.wait(began + len(self.booked) / 500 - time.monotonic())

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: len(self.booked) > 50, "the load runs")
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def all_are_confirmed(self):
        self.stack.wait_drained(timeout=60)
        assert set(self.stack.rows("SELECT booking_id::text, status::text FROM ticketing.bookings WHERE show_id = %s", self.show)) == {
            (booking, "CONFIRMED") for booking in self.booked}
