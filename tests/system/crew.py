"""Workers that a test starts by hand, beside or instead of a stack's own, so that one of them can meet its fate at a named
point of its work (tests/faults/crash.c), and the bookings that give every step something to do."""
import functools
import itertools
import os
import re
import signal
import subprocess
import uuid
from collections import Counter

from karcis import BIN_DIR, ROOT, STREAMS, Stack, wait_until

SHIM = os.path.join(os.path.dirname(BIN_DIR), "tests/faults/crash.so")
WORKERS = ("ticket-worker", "payment-worker", "aggregator")

# As the stack does it, but without a supervisor: what ends stays so. The shim is for the program alone.
START = """
set -euo pipefail
. "$0/stack/lib/settings.sh"
load_secrets
program_env "$1"
export "${program_environment[@]}"
exec setpriv --pdeathsig KILL env ${CRASH_PRELOAD:+LD_PRELOAD="$CRASH_PRELOAD"} "$BIN_DIR/$(program_of "$1")"
"""


def steps_of(program):
    """[(step, [streams it reads])], as the program says itself."""
    said = subprocess.run([f"{BIN_DIR}/{program}", "--steps"], env={}, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [(words[0], words[1:]) for words in map(str.split, said.splitlines())]


@functools.cache
def preload():
    """The shim; a sanitizer's library insists on being the first."""
    assert os.path.exists(SHIM), f"{SHIM} is missing: make check-build, or make faults-build"
    libraries = subprocess.run(["ldd", f"{BIN_DIR}/{WORKERS[0]}"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return ":".join(re.findall(r"(/\S+/libasan\S+)", libraries) + [SHIM])


@functools.cache
def emit_script():
    """What our programs send to say and to acknowledge in one breath: it is found in the program itself."""
    with open(f"{BIN_DIR}/{WORKERS[0]}", "rb") as file:
        scripts = [text for text in re.findall(rb"#!lua[^\0]*", file.read()) if b"'XADD'" in text and b"'XACK'" in text]
    (script,) = set(scripts)
    return script


# The bytes that each of them sends. A script travels as its text once for each connection; later only its hash does, but
# here a program's first time is the one that counts. What says nothing acknowledges without a script.
COMMIT = r"\x00commit\x00"


def emit():
    return rf"$4\x0d\x0aEVAL\x0d\x0a${len(emit_script())}\x0d\x0a|$4\x0d\x0aXACK\x0d\x0a"


BOUNDARIES = {
    "before COMMIT": lambda: f"before send 1 {COMMIT}",
    "in COMMIT": lambda: f"answered send 1 {COMMIT}",
    "before the emit": lambda: f"before send 1 {emit()}",
    "in the emit": lambda: f"answered send 1 {emit()}",
    "after the emit": lambda: f"heard send 1 {emit()}",
}


lives = itertools.count(1)


class Worker:
    """One of our programs, started by a test."""

    def __init__(self, stack, name, **settings):
        self.stack, self.name = stack, name
        life = f"{stack.run_dir}/life-{next(lives)}"
        self.mark_path, self.trace_path = f"{life}.mark", f"{life}.trace"
        if any(setting.startswith("CRASH_") for setting in settings):
            settings.update(CRASH_PRELOAD=preload(), CRASH_MARK=self.mark_path, CRASH_TRACE=self.trace_path)
        with open(f"{stack.run_dir}/logs/{name}.log", "a") as log:
            self.process = subprocess.Popen(["bash", "-c", START, ROOT, name], env=stack.environment(**settings),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait_ready(self):
        def is_ready():
            assert not self.has_ended(), f"it ended with {self.process.returncode}"
            return self.stack.is_ready(self.name)
        wait_until(is_ready, f"{self.name} is ready", timeout=30)
        return self

    def has_ended(self):
        return self.process.poll() is not None

    def is_stopped(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"

    def _text(self, path):
        if not os.path.exists(path):
            return ""
        with open(path) as file:
            return file.read()

    def mark(self):
        """What the shim has written: that it has happened, and at which call."""
        return self._text(self.mark_path)

    def trace(self):
        """The calls that counted, one a line."""
        return self._text(self.trace_path).splitlines()

    def pending(self):
        """How many entries it has been given and has not acknowledged, of all its streams."""
        me = self.stack.consumer(self.name)
        return sum(self.stack.pending(stream, group["name"]).get(me, 0) for stream in [*STREAMS, "dead"] if self.stack.redis.exists(stream)
                   for group in self.stack.redis.xinfo_groups(stream))

    def wait_killed(self, what):
        """Until it has killed itself, nobody else did, and just where it was told to."""
        wait_until(self.has_ended, what, timeout=20)
        assert self.process.returncode == -signal.SIGKILL, f"{self.name} ended with {self.process.returncode}"
        assert self.mark().startswith("kill ") and "no answer" not in self.mark(), self.mark()

    def wait_stopped(self, what):
        wait_until(lambda: self.mark() and self.is_stopped(), what, timeout=20)
        assert self.mark().startswith("stop ") and "no answer" not in self.mark(), self.mark()

    def wait_cut(self, what):
        wait_until(self.mark, what, timeout=20)
        assert self.mark().startswith("cut ") and "no answer" not in self.mark(), self.mark()

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self):
        """SIGTERM: it drains and exits 0. Before it is ready, it may not have begun to listen for signals."""
        self.wait_ready()
        self.process.terminate()
        assert self.process.wait(timeout=15) == 0, f"{self.name} ended with {self.process.returncode}:\n{self.stack.tail(self.name)}"

    def kill(self):
        if not self.has_ended():
            self.process.kill()
            self.process.wait()


class Crew:
    """All workers of a stack that has none of its own."""

    def __init__(self, **settings):
        # One that lives is never taken for dead here, however busy the machine is.
        self.stack = Stack.start(**{"TICKET_WORKERS": 0, "PAYMENT_WORKERS": 0, "AGGREGATORS": 0, "CLAIM_IDLE_MS": 20000,
                                    "PAYMENT_FAILURE_RATE": 0.3, **settings})
        self.workers, self.normal = [], {}

    def start(self, program, **settings):
        """One more worker, not waited for."""
        taken = {worker.name for worker in self.workers if not worker.has_ended()}
        name = next(name for name in (f"{program}-{n}" for n in range(1, 21)) if name not in taken)
        self.workers = [worker for worker in self.workers if worker.name in taken]
        self.workers.append(Worker(self.stack, name, **settings))
        return self.workers[-1]

    def keep_running(self, wanted):
        """wanted: {(program, steps)}. These and no others of the workers that nothing happens to."""
        for key in set(self.normal) - set(wanted):
            self.normal.pop(key).end()
        for program, steps in set(wanted) - set(self.normal):
            self.normal[program, steps] = self.start(program, STEPS=steps)
        for worker in self.normal.values():
            worker.wait_ready()

    def end(self):
        """Everybody is told to stop, and so is the stack; all must go well."""
        try:
            for worker in self.normal.values():
                worker.end()
        except BaseException:
            self.discard()
            raise
        self.stack.end()

    def discard(self):
        for worker in self.workers:
            worker.kill()
        self.stack.down()


class Flow:
    """One booking of every kind, asked for at the same moment. A step that has nothing to do with any of them needs another."""

    def __init__(self, stack, user="ayu"):
        self.stack, self.show = stack, stack.show("A1", "A2", "A3", "A4")
        self.one, self.two, self.refused, self.linked = (str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.show} {n}")) for n in range(4))
        self.all = [self.one, self.two, self.refused, self.linked]
        with stack.redis.pipeline(transaction=True) as pipe:
            stack.book(self.show, "A1", booking_id=self.one, user=user, pipe=pipe)
            stack.book(self.show, "A2", "A3", booking_id=self.two, user=user, pipe=pipe)
            stack.book(self.show, "A1", booking_id=self.refused, user=f"not-{user}", waitlist="no", pipe=pipe)
            stack.book(self.show, quantity=1, booking_id=self.linked, user=user, payment="link", pipe=pipe)
            pipe.execute()
        self.is_paid = False

    def bookings(self):
        """{booking: status}"""
        return dict(self.stack.rows("SELECT booking_id::text, status::text FROM ticketing.bookings WHERE show_id = %s", self.show))

    def is_over(self):
        """True when every booking has its final status and nobody has work. What is to be paid by link is paid when all else is
        done: as long as charge has not seen an invoice, it has two reasons to say that it is paid, and says it for each."""
        bookings = self.bookings()
        if len(bookings) < len(self.all) or self.stack.backlog():
            return False
        if not self.is_paid and bookings[self.linked] == "AWAITING_PAYMENT":
            invoice = self.stack.one("SELECT invoice_no FROM payment.invoices WHERE booking_id = %s", self.linked)
            self.stack.xadd({"invoice_no": invoice}, "payment.requested")
            self.is_paid = True
            return False
        return set(bookings.values()) <= {"CONFIRMED", "FAILED", "REJECTED"}

    def wait_over(self):
        def over():
            assert self.is_over(), f"{self.bookings()}, left: {self.stack.backlog()}"
            return True
        wait_until(over, "every booking is final", timeout=30)

    def said(self):
        """How often each event is on the wire: {(stream, event id): times}"""
        return Counter((stream, fields.get("event_id", entry)) for stream in STREAMS for booking in self.all
                       for entry, fields in self.stack.entries(stream, booking))

    def check(self):
        """Everything happened once, whatever was said twice. What was: {(stream, event id)}"""
        bookings = self.bookings()
        assert bookings.pop(self.refused) == "REJECTED"
        assert set(bookings.values()) <= {"CONFIRMED", "FAILED"}
        kept = {booking for booking, status in bookings.items() if status == "CONFIRMED"}
        owners = [owner for _, owner in self.stack.seats(self.show).values() if owner]
        assert Counter(owners) == {booking: 2 if booking == self.two else 1 for booking in kept}
        for table in ("payment.invoices", "payment.payments"):
            rows = self.stack.rows(f"SELECT booking_id::text FROM {table} WHERE booking_id = ANY(%s::uuid[])", self.all)
            assert Counter(booking for booking, in rows) == Counter(bookings.keys()), table
        said = self.said()
        logged = self.stack.rows("SELECT topic, event_id FROM log.events WHERE payload->>'booking_id' = ANY(%s)", self.all)
        assert Counter(logged) == Counter(said.keys())
        assert self.stack.redis.xlen("dead") == 0, self.stack.redis.xrange("dead")
        return {event for event, times in said.items() if times > 1}
