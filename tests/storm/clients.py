"""The publishers of a storm: threads that send orders at their times, whether answers come or not, and write down each before
and after. What was not answered is sent again, as a careful client does, if it names its own booking."""
import http.client
import json
import random
import threading
import time

import redis

from journal import clip
from orders import Author, make_shows, show_body

ANSWER_S = 3.0          # a client waits so long
LATE_S = 1.0            # an order this late is not sent any more: the clients before it hung
GENERATION_S = 15.0     # new shows come so often
SHOWS_ON_SALE = 12
RESENT_AT_MOST = 5
BY_POST = 0.4


def classify_redis(error):
    """Whether Redis has surely not taken it: it said no. Everything else is unknown."""
    return "refused" if isinstance(error, redis.ResponseError) and not isinstance(error, redis.ConnectionError) else "unknown"


def classify_http(status, body):
    if 200 <= status < 300:
        return "accepted"
    code = body.get("code") if isinstance(body, dict) else None
    return "refused" if 400 <= status < 500 or code in ("broker_full", "broker_away") else "unknown"


class Wire:
    """One client's connections to Redis and to the publisher."""

    def __init__(self, stack, keys):
        self.stack, self.keys, self.connection = stack, keys, None
        self.redis = redis.Redis(port=stack.port_base + 3, socket_timeout=ANSWER_S, decode_responses=True,
                                 encoding_errors="surrogateescape")

    def xadd(self, stream, fields):
        """(outcome, the entry's id or why not)"""
        try:
            words = [word for pair in fields.items() for word in pair]
            return "accepted", self.redis.execute_command("XADD", stream, "*", *words)
        except (redis.RedisError, OSError) as error:
            return classify_redis(error), f"{type(error).__name__} {error}"[:100]

    def ask(self, method, name, path, body=None, key=None, headers=None):
        """(status, JSON); status 0 when no answer came, -1 when nobody was there to be asked."""
        all_headers = {"Content-Type": "application/json", **(headers or {})}
        if key:
            all_headers["Authorization"] = f"Bearer {self.keys[key]}"
        connection = http.client.HTTPConnection("127.0.0.1", self.stack.port(name), timeout=ANSWER_S)
        try:
            connection.connect()
        except OSError:
            return -1, None
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, all_headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        except (OSError, ValueError, http.client.HTTPException):
            return 0, None
        finally:
            connection.close()

    def get(self, path, name="aggregator-1"):
        return self.ask("GET", name, path)

    def post_booking(self, fields):
        """(outcome, the booking's id or why not)"""
        body = {name: value for name, value in fields.items() if name != "op"}
        if "seats" in body:
            body["seats"] = body["seats"].split(",")
        if "quantity" in body:
            body["quantity"] = int(body["quantity"])
        status, answer = self.ask("POST", "publisher", "/bookings", body, "client",
                                  {"Idempotency-Key": fields.get("booking_id", fields["op"])})
        if status == -1:
            return "refused", "nobody listens"
        outcome = classify_http(status, answer)
        return outcome, answer["booking_id"] if outcome == "accepted" else f"{status} {(answer or {}).get('code')}"


class Catalog(threading.Thread):
    """Makes new shows as time goes on."""

    def __init__(self, storm):
        super().__init__(name="catalog", daemon=True)
        self.storm, self.on_sale, self.generation = storm, [], 0
        self.wire = Wire(storm.stack, storm.keys)

    def make(self, show):
        """Until it is there: asked again, the answer may be that it exists."""
        while not self.storm.stopped.is_set():
            status, answer = self.wire.ask("POST", "publisher", "/shows", show_body(show), "admin")
            if status in (201, 409):
                self.storm.journal.write(show=show.id, labels=show.labels, capacity=show.capacity, amount=show.amount)
                return True
            self.storm.journal.write(failed="POST /shows", status=status, answer=str(answer)[:100])
            time.sleep(0.2)
        return False

    def make_generation(self):
        shows = make_shows(self.storm.seed, self.generation, self.storm.rate, GENERATION_S)
        self.generation += 1
        if all([self.make(show) for show in shows]):
            self.on_sale = (self.on_sale + shows)[-SHOWS_ON_SALE:]

    def run(self):
        began = time.monotonic()
        while not self.storm.stopped.wait(max(0, began + self.generation * GENERATION_S - time.monotonic())):
            self.make_generation()


class Publisher(threading.Thread):
    def __init__(self, storm, name, rate):
        super().__init__(name=f"publisher-{name}", daemon=True)
        self.storm, self.rate = storm, rate
        self.author, self.dice = Author(storm.seed, name), random.Random(f"times {storm.seed} {name}")
        self.wire, self.again, self.unsent = Wire(storm.stack, storm.keys), [], 0

    def run(self):
        at = time.monotonic()
        while True:
            at += self.dice.expovariate(self.rate)
            order, by_post = self.author.next(self.storm.catalog.on_sale), self.dice.random() < BY_POST
            if self.storm.stopped.wait(max(0, at - time.monotonic())):
                return
            if time.monotonic() - at > LATE_S:
                self.unsent += 1
                continue
            self.send(order, by_post and order["stream"] == "booking.requested" and "dies_in" not in order, 1)
            while self.again and self.again[0][0] < time.monotonic():
                self.send(*self.again.pop(0)[1:])

    def send(self, order, by_post, attempt):
        fields = order["fields"]
        tag, via = f"{fields['op']}/{attempt}", "post" if by_post else "xadd"
        self.storm.journal.write(op=tag, kind=order["kind"], via=via, stream=order["stream"], dies_in=order.get("dies_in"),
                                 fields={clip(name): clip(value) for name, value in fields.items()})
        began = time.monotonic()
        outcome, answer = self.wire.post_booking(fields) if by_post else self.wire.xadd(order["stream"], fields)
        self.storm.journal.write(op=tag, outcome=outcome, answer=answer, took=round(time.monotonic() - began, 4))
        self.storm.count(order["kind"], via, outcome)
        if outcome == "accepted" and order["stream"] == "booking.requested" and "dies_in" not in order:
            self.storm.known.add(answer if by_post else fields.get("booking_id", ""))
        if outcome != "accepted" and "booking_id" in fields and attempt < RESENT_AT_MOST:
            self.again.append((time.monotonic() + self.dice.uniform(0.3, 2), order, by_post, attempt + 1))


class Payer(threading.Thread):
    """People who were sent a link: most pay, some twice, some never."""

    def __init__(self, storm):
        super().__init__(name="payer", daemon=True)
        self.storm, self.wire, self.due, self.lock = storm, Wire(storm.stack, storm.keys), [], threading.Lock()
        self.asked = set()

    def invoiced(self, fields):
        """The follower has seen an invoice that is paid by link."""
        booking = fields.get("booking_id")
        dice = random.Random(f"pays {self.storm.seed} {booking}")
        with self.lock:
            if booking in self.asked or dice.random() < 0.15:
                return
            self.asked.add(booking)
            times = 2 if dice.random() < 0.1 else 1
            self.due.append((time.monotonic() + dice.uniform(0.1, 2), booking, times, 0))

    def run(self):
        while not self.storm.stopped.wait(0.02):
            with self.lock:
                now = time.monotonic()
                ready = [due for due in self.due if due[0] <= now]
                self.due = [due for due in self.due if due[0] > now]
            for due in ready:
                self.pay(*due[1:])

    def pay(self, booking, times, tries):
        status, shown = self.wire.get(f"/bookings/{booking}")
        if status == 200 and shown["status"] == "AWAITING_PAYMENT":
            for n in range(times):
                tag = f"pay-{booking}/{tries}.{n}"
                fields = {"invoice_no": shown["invoice_no"], "op": tag}
                self.storm.journal.write(op=tag, kind="pay", via="xadd", stream="payment.requested", fields=fields, booking=booking)
                outcome, answer = self.wire.xadd("payment.requested", fields)
                self.storm.journal.write(op=tag, outcome=outcome, answer=answer)
                self.storm.count("pay", "xadd", outcome)
                if outcome == "accepted":
                    times = 0
        if times and tries < 40 and not (status == 200 and shown["status"] not in ("REQUESTED", "HELD", "AWAITING_PAYMENT")):
            with self.lock:
                self.due.append((time.monotonic() + 0.5, booking, times, tries + 1))


class Reader(threading.Thread):
    """Somebody who looks. What was seen is held against what the streams say later."""

    def __init__(self, storm):
        super().__init__(name="reader", daemon=True)
        self.storm, self.wire, self.dice = storm, Wire(storm.stack, storm.keys), random.Random(f"reads {storm.seed}")

    def run(self):
        while not self.storm.stopped.wait(0.25):
            show = self.dice.choice(self.storm.catalog.on_sale)
            path = f"/shows/{show.id}/seats?limit=1000"
            since = time.time() * 1000
            status, answer = self.wire.get(path, self.dice.choice(self.storm.stack.workers("aggregator") or ["aggregator-1"]))
            until = time.time() * 1000
            self.storm.count("read", "get", "accepted" if status == 200 else "unknown")
            if status == 200:
                owned = {seat["label"]: [seat["status"], seat["booking_id"]] for seat in answer["items"] if seat["booking_id"]}
                self.storm.journal.write(read=show.id, since_ms=since, until_ms=until, owned=owned)
