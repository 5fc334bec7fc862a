"""Does the plan's faults at their times, each in a thread of its own, and writes down what became of them."""
import os
import threading
import time

import psycopg2
import redis

from faults import Hands, Skipped, doing
from plan import BY_SCRIPT, copy_age_s


class Nemesis:
    def __init__(self, stack, journal, plan):
        self.stack, self.journal, self.plan = stack, journal, plan
        self.hands = Hands(stack, journal)
        self.script = threading.Lock()
        self.lock, self.active, self.done, self.skipped = threading.Lock(), {}, 0, 0
        self.thread = threading.Thread(target=self.run, name="nemesis", daemon=True)
        self.stopped = threading.Event()

    def start(self):
        self.began = time.monotonic()
        self.thread.start()

    def run(self):
        moments = [(fault.start, self.do, fault) for fault in self.plan]
        moments += [(fault.start - copy_age_s(fault), self.hands.copy_redis, fault) for fault in self.plan if fault.kind == "older-copy"]
        threads = []
        for at, action, fault in sorted(moments, key=lambda moment: moment[0]):
            if self.stopped.wait(max(0, self.began + at - time.monotonic())):
                break
            threads.append(threading.Thread(target=action, args=(fault,), name=fault.kind, daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def do(self, fault):
        by_script = fault.kind in BY_SCRIPT
        if by_script and not self.script.acquire(timeout=10):
            self.end(fault, None, skipped="the stack's script is busy")
            return
        try:
            self.journal.write(fault=fault.n, kind=fault.kind, state="begins")
            with doing(self.hands, fault) as victim:
                broken = time.monotonic()
                with self.lock:
                    self.active[fault.n] = f"{fault.kind} {victim}"
                self.stopped.wait(fault.length)
            self.end(fault, broken, victim=str(victim))
        except (Skipped, redis.RedisError, psycopg2.Error, OSError) as why:
            self.end(fault, None, skipped=f"{type(why).__name__} {why}")
        except Exception as why:  # what could not be undone must not be overlooked
            self.end(fault, None, error=f"{type(why).__name__} {why}")
        finally:
            if by_script:
                self.script.release()

    def end(self, fault, broken, **what):
        with self.lock:
            self.active.pop(fault.n, None)
            self.done += broken is not None
            self.skipped += broken is None
        self.journal.write(fault=fault.n, kind=fault.kind, state="ended", broken=broken, length=fault.length, **what)

    def busy(self):
        with self.lock:
            return list(self.active.values())

    def finish(self):
        """Waits for the last fault, then makes sure that everything is there: whatever was skipped half way, or could not be
        undone because something else was broken too. Returns when the last fault was over."""
        self.thread.join()
        over = time.monotonic()
        for name in self.stack.names():
            pid = self.stack.pid(name)
            if pid and os.path.exists(f"/proc/{pid}"):
                os.kill(pid, 18)  # SIGCONT
        self.hands.script("up")
        self.journal.write(state="all faults are over")
        return over
