"""A storm: seeded load on a private stack, faults from a seeded plan, and a checker that believes nothing but what it saw.

    tests/storm/run --seed 7 --minutes 30 --report storm.md
"""
import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import psycopg2
import redis

from check import judge
from clients import Catalog, Payer, Publisher, Reader, Wire
from collect import collect
from follower import Follower
from journal import Journal, read_lines
from clocks import ClockedStack
from karcis import BIN_DIR, clean_up_after_killed_runs
from nemesis import Nemesis
from plan import KINDS, SLOT_S, choose_kinds, make_plan, print_plan
from report import fault_table, write_report
from watch import LogWatch, Prober, Sampler

DRAIN_S = 60            # after the last fault is undone, everything must be at rest within this
PUBLISHERS = 12
PROGRESS_S = 5
INVARIANTS_S = 20       # how often the invariants are asked for meanwhile, if they are quick
IS_RELEASE = os.environ.get("FLAVOUR", "release") == "release"  # sanitizers need memory of their own
CI_SEED, CI_SECONDS, CI_RATE, CI_EVERY_S = 20261121, 90, 100, 4


class Storm:
    def __init__(self, options, stack, folder):
        self.options, self.stack, self.folder = options, stack, folder
        self.seed, self.rate, self.seconds = options.seed, options.rate, options.seconds
        self.keys = {"admin": stack.env["ADMIN_KEY"], "client": stack.env["CLIENT_KEY"]}
        self.stopped = threading.Event()
        self.counted, self.lock = Counter(), threading.Lock()
        self.journal = Journal(f"{folder}/journal.jsonl")
        self.known, self.closed, self.violations = set(), set(), []
        self.follower = Follower(stack, f"{folder}/streams.jsonl", self.on_entry)
        self.sampler = Sampler(stack, f"{folder}/samples.jsonl")
        self.prober = Prober(self, self.seconds + 120)
        self.payer, self.reader, self.catalog = Payer(self), Reader(self), Catalog(self)
        self.publishers = [Publisher(self, f"p{n}", self.rate / PUBLISHERS) for n in range(PUBLISHERS)]
        self.nemesis = Nemesis(stack, self.journal, options.plan)
        self.losses = options.losses
        self.logs = LogWatch(stack, self.losses)

    def make_wire(self):
        return Wire(self.stack, self.keys)

    def count(self, kind, via, outcome):
        with self.lock:
            self.counted[kind, via, outcome] += 1

    def on_entry(self, stream, fields):
        booking = fields.get("booking_id")
        if stream in ("booking.requested", "seat.held") and booking:
            self.known.add(booking)
        elif stream == "invoice.created" and fields.get("payment") == "link":
            self.payer.invoiced(fields)
        elif stream == "booking.closed" and booking:
            self.closed.add(booking)

    # ---- phases ----

    def run(self):
        self.journal.write(seed=self.seed, rate=self.rate, seconds=self.seconds)
        self.catalog.make(self.prober.show)
        self.catalog.make_generation()
        self.workers = [self.catalog, self.prober, self.payer, self.reader, *self.publishers]
        for thread in (self.follower, self.sampler, *self.workers):
            thread.start()
        self.began = time.monotonic()
        self.nemesis.start()
        self.watch_it()
        over = self.end_load()
        self.drained_s = self.wait_drained(over)
        self.follower.finish()
        self.sampler.stopped.set()
        self.sampler.join()
        self.journal.close()

    def watch_it(self):
        next_look, next_progress = 0, 0
        while time.monotonic() < self.began + self.seconds:
            time.sleep(0.1)
            now = time.monotonic()
            if now >= next_progress:
                next_progress = now + PROGRESS_S
                self.say_progress(now)
            if now >= next_look:
                self.look_at_invariants()
                next_look = now + max(INVARIANTS_S, 10 * (time.monotonic() - now))
                self.logs.look()
            if self.options.until_caught and (self.violations or self.logs.found):
                print(f"caught after {now - self.began:.0f} s", flush=True)
                return

    def say_progress(self, now):
        with self.lock:
            total = sum(self.counted.values())
            refused = sum(count for (_, _, outcome), count in self.counted.items() if outcome != "accepted")
        print(f"{now - self.began:5.0f} s  sent {total}  not accepted {refused}  seen {sum(self.follower.counts.values())}  "
              f"closed {len(self.closed)}  faults {self.nemesis.done} (skipped {self.nemesis.skipped})  "
              f"oldest {self.sampler.age_ms} ms  now: {', '.join(self.nemesis.busy()) or 'calm'}", flush=True)

    def look_at_invariants(self):
        """At any time; PostgreSQL may be down, then nothing can be said."""
        try:
            broken = self.stack.violations(live=True)
        except (AssertionError, subprocess.TimeoutExpired):
            return
        after = time.monotonic() - self.began
        self.violations += [(rule, f"{count}, {after:.0f} s after the beginning") for rule, count in broken.items()]

    def end_load(self):
        """Faults end first, then the probes have shown that all is well, then the load ends."""
        if self.options.until_caught and self.violations:
            self.nemesis.stopped.set()
        over = self.nemesis.finish()
        time.sleep(3)
        self.stopped.set()
        self.prober.stopped.set()
        for thread in self.workers:
            thread.join()
        return over

    def wait_drained(self, over):
        """Seconds from the end of the last fault until nothing is unread or pending; None if it takes too long."""
        while time.monotonic() < over + DRAIN_S:
            try:
                if not self.stack.backlog() and not self.unfinished():
                    return time.monotonic() - over
            except (redis.RedisError, psycopg2.Error, OSError):  # it is just coming back, or our connection was cut
                with contextlib.suppress(psycopg2.Error):
                    self.stack.connect()
            time.sleep(0.1)
        return None

    def unfinished(self):
        """Bookings that must go on by themselves: what Redis lost is said again a little later."""
        return self.stack.one("SELECT count(*) FROM ticketing.bookings WHERE status IN ('RESERVED', 'HELD') "
                              "OR (status = 'AWAITING_PAYMENT' AND NOT pays_by_link)")

    def judge(self):
        """(history, recoveries, [(rule, example)])"""
        self.stack.connect()
        violations = list(self.violations)
        if self.drained_s is None:
            left = dict(self.stack.backlog())
            violations.append(("not_at_rest_in_time", f"{DRAIN_S} s after the last fault: {left}, {self.unfinished()} unfinished"))
        violations += [(rule, f"{count} at rest") for rule, count in self.stack.violations().items()]
        shows = sorted({line["show"] for line in read_lines(f"{self.folder}/journal.jsonl") if "show" in line})
        collect(self.stack, f"{self.folder}/outside.jsonl", shows, self.known - {""}, self.closed, self.seed, self.losses)
        history, recoveries, found = judge(self.folder, IS_RELEASE)
        return history, recoveries, violations + found

def options_of(arguments):
    parser = argparse.ArgumentParser(prog="tests/storm/run", description="Load, faults, and a checker, on a private stack.")
    parser.add_argument("--seed", type=int, default=None, help="default: random, and printed")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=150, help="orders a second")
    parser.add_argument("--every", type=float, default=SLOT_S, help="seconds from one fault to the next")
    parser.add_argument("--faults", default="", help="only these kinds (comma list; kill-* for all that begin so)")
    parser.add_argument("--without", default="", help="not these kinds")
    parser.add_argument("--losses", action="store_true", help="Redis may lose entries, too: flushall, older-copy")
    parser.add_argument("--plan", action="store_true", help="print the faults and do nothing")
    parser.add_argument("--report", metavar="FILE", help="write the report there as well")
    parser.add_argument("--folder", help="where journal, streams and logs are kept (default: only if something is wrong)")
    parser.add_argument("--check", metavar="FOLDER", help="judge a storm that was kept, and do nothing else")
    parser.add_argument("--until-caught", action="store_true", help="end as soon as an invariant breaks")
    parser.add_argument("--ci", action="store_true", help="a short one with a fixed seed")
    options = parser.parse_args(arguments)
    if options.ci:
        options.seed, options.minutes, options.rate, options.every = options.seed or CI_SEED, CI_SECONDS / 60, CI_RATE, CI_EVERY_S
    if options.seed is None:
        options.seed = int.from_bytes(os.urandom(4), "big")
    options.seconds = options.minutes * 60
    options.kinds = choose_kinds(options.faults, options.without, options.losses)
    options.plan_only, options.plan = options.plan, make_plan(options.seed, options.seconds, options.kinds, options.every)
    return options


def brew(options):
    """One storm; its exit code."""
    print(f"storm: seed {options.seed}, {options.minutes:g} minutes, {options.rate:g} orders/s, {len(options.plan)} faults of "
          f"{len(options.kinds)} kinds of {len(KINDS)}, programs of {os.path.relpath(BIN_DIR)}", flush=True)
    clean_up_after_killed_runs()
    stack = ClockedStack.start(PAYMENT_FAILURE_RATE=0.1, TICKET_WORKERS=2, PAYMENT_WORKERS=2, AGGREGATORS=2,
                               RANDOM_SEED=options.seed % 2**31)
    folder = options.folder or f"{stack.run_dir}/storm"
    os.makedirs(folder, exist_ok=True)
    keep = True
    try:
        storm = Storm(options, stack, folder)
        storm.run()
        history, recoveries, violations = storm.judge()
        violations += [("misdeed", what) for what in storm.logs.misdeeds()]
        text = write_report(storm, history, recoveries, violations)
        print(text, flush=True)
        if options.report:
            with open(options.report, "w", encoding="utf-8") as file:
                file.write(text)
        keep = bool(violations)
        return 1 if violations else 0
    finally:
        if keep and not options.folder:
            kept = f"/tmp/karcis-storm-{options.seed}"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(folder, kept)
            shutil.copytree(f"{stack.run_dir}/logs", f"{kept}/logs")
            print(f"kept: {kept} (tests/storm/run --check {kept})", flush=True)
        stack.down()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    options = options_of(sys.argv[1:])
    if options.plan_only:
        print_plan(options.plan)
        return 0
    if options.check:
        history, recoveries, violations = judge(options.check)
        print(fault_table(history, recoveries))
        for rule, example in violations:
            print(f"{rule}: {example}")
        return 1 if violations else 0
    return brew(options)


if __name__ == "__main__":
    sys.exit(main())
