"""A steady load of bookings, half of them typed (XADD) and half over HTTP, with a journal of what became of each request.

The journal is what the store is compared with: what was accepted must become final, what was refused must not be there, and
of what got no answer nobody knows."""
import http.client
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import redis

from karcis import new_id, wait_until

ACCEPTED, REFUSED, UNKNOWN = "accepted", "refused", "unknown"


@dataclass
class Request:
    booking: str
    way: str  # XADD or POST
    sent: float = field(default_factory=time.monotonic)
    answered: float = 0
    fate: str = UNKNOWN
    answer: str = ""  # what was said: the status and the code, or Redis's error
    retry_after: str = ""


class SteadyLoad:
    """Each booking asks for a seat of its own, so each that was accepted must become CONFIRMED."""

    def __init__(self, stack, per_second=100, redis_host="127.0.0.1", seats=20000):
        """Enough seats for minutes: on a slow machine everything else takes longer."""
        self.stack, self.pause_s = stack, 2 / per_second
        self.redis_address = (redis_host, stack.port_base + 3)
        self.show = stack.show(seats=seats)
        self.free = iter(list(stack.seats(self.show)))
        self.journal = []
        self.stopped = threading.Event()
        self.failures = []
        self.threads = [threading.Thread(target=self.run, args=(way,)) for way in (self.type, self.post)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        for way in ("XADD", "POST"):
            self.wait_accepted(40, way=way)
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def run(self, way):
        """One request after the other; a slow answer makes the next ones later, not more."""
        due = time.monotonic()
        try:
            with way() as send:
                for seat in self.free:
                    if self.stopped.wait(max(0, due - time.monotonic())):
                        return
                    send(seat)
                    due = max(due + self.pause_s, time.monotonic() - 10 * self.pause_s)
        except BaseException as error:  # pylint: disable=broad-except
            self.failures.append(repr(error))
            raise

    class Way:
        def __init__(self, load):
            self.load = load

        def begin(self, way):
            request = Request(new_id(), way)
            self.load.journal.append(request)
            return request

        def __enter__(self):
            return self.send

        def __exit__(self, *_):
            self.close()

    class Typed(Way):
        def __init__(self, load):
            super().__init__(load)
            host, port = load.redis_address
            self.redis = redis.Redis(host=host, port=port, socket_timeout=1, socket_connect_timeout=1, decode_responses=True)

        def send(self, seat):
            request = self.begin("XADD")
            try:
                request.answer = self.redis.xadd("booking.requested", {
                    "booking_id": request.booking, "user": "ayu", "show": self.load.show, "seats": seat})
                request.fate = ACCEPTED
            except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
                request.answer = str(error)
            except redis.exceptions.ResponseError as error:
                request.answer, request.fate = str(error), REFUSED
            request.answered = time.monotonic()

        def close(self):
            self.redis.close()

    class Posted(Way):
        def __init__(self, load):
            super().__init__(load)
            stack = load.stack
            self.connection = http.client.HTTPConnection("127.0.0.1", stack.port("publisher"), timeout=8)
            self.headers = {"Authorization": f"Bearer {stack.env['CLIENT_KEY']}", "Content-Type": "application/json"}

        def send(self, seat):
            request = self.begin("POST")
            try:
                self.connection.request("POST", "/bookings", json.dumps(
                    {"booking_id": request.booking, "user": "ayu", "show": self.load.show, "seats": [seat]}), self.headers)
                answer = self.connection.getresponse()
                said = json.loads(answer.read())
                request.answer, request.retry_after = f"{answer.status} {said.get('code', '')}", answer.getheader("Retry-After", "")
                if answer.status == 202:
                    request.fate = ACCEPTED
                elif said.get("code") != "broker_lost":
                    request.fate = REFUSED
            except (OSError, http.client.HTTPException) as error:
                request.answer = repr(error)
                self.connection.close()
            request.answered = time.monotonic()

        def close(self):
            self.connection.close()

    def type(self):
        return self.Typed(self)

    def post(self):
        return self.Posted(self)

    # ---- while it runs ----

    def of(self, fate, since=0.0, way=None):
        return [request for request in list(self.journal)
                if request.fate == fate and request.sent >= since and way in (None, request.way)]

    def wait_accepted(self, count, since=0.0, way=None):
        wait_until(lambda: self.failures or len(self.of(ACCEPTED, since, way)) >= count, f"{count} bookings are accepted")
        assert not self.failures

    def answers(self, since, until, way="POST"):
        """Counter of what was answered to requests sent in between."""
        return Counter(request.answer for request in list(self.journal)
                       if request.way == way and since <= request.sent <= until and request.answered)

    def refusals(self, since, until):
        """The requests that were sent and answered over HTTP in between: all refused, each with a time to try again."""
        said = [request for request in list(self.journal)
                if request.way == "POST" and since <= request.sent and 0 < request.answered <= until]
        assert said and all(request.answer.startswith("503 ") and int(request.retry_after) > 0 for request in said), \
            self.answers(since, until)
        return said

    def confirmed(self, requests):
        return {booking for booking, in self.stack.rows(
            "SELECT booking_id::text FROM ticketing.bookings WHERE status = 'CONFIRMED' AND booking_id = ANY(%s::uuid[])",
            [request.booking for request in requests])}

    def recovery_s(self, since, ways=("XADD", "POST"), within=10):
        """Seconds from `since` until bookings that were sent later, in each way, are accepted and confirmed."""
        def flows():
            later = [self.of(ACCEPTED, since, way)[:20] for way in ways]
            return all(requests and self.confirmed(requests) for requests in later)
        left = since + within - time.monotonic()
        wait_until(flows, f"bookings are accepted and confirmed again within {within} s", timeout=left)
        return time.monotonic() - since

    # ---- afterwards ----

    def check(self, lost=()):
        """Everything accepted is final, nothing refused is there; `lost` are bookings that may be missing."""
        assert not self.failures
        self.stack.wait_drained(timeout=60)
        stored = dict(self.stack.rows("SELECT booking_id::text, status::text FROM ticketing.bookings WHERE show_id = %s", self.show))
        by_fate = {fate: {request.booking for request in self.of(fate)} for fate in (ACCEPTED, REFUSED, UNKNOWN)}
        assert set(stored.values()) <= {"CONFIRMED"}, Counter(stored.values())
        missing = by_fate[ACCEPTED] - set(stored) - set(lost)
        assert not missing, f"{len(missing)} of {len(by_fate[ACCEPTED])} accepted bookings are lost"
        assert not by_fate[REFUSED] & set(stored), "what was refused is not there"
        assert set(stored) <= by_fate[ACCEPTED] | by_fate[UNKNOWN]
        owners = [booking for status, booking in self.stack.seats(self.show).values() if status == "BOOKED"]
        assert sorted(owners) == sorted(stored)

    def summary(self):
        fates = Counter((request.way, request.fate) for request in self.journal)
        return ", ".join(f"{way} {count} {fate}" for (way, fate), count in sorted(fates.items()))
