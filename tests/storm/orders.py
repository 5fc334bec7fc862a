"""What people ask for: an endless, seeded sequence of orders for each publisher. Nothing here touches a server.

An order is a dict: `kind` (what it is a case of), `stream` and `fields` (what is XADDed; for POST /bookings the body is made of
them), and for garbage `dies_in`, the steps that must send it to `dead`. Each carries its number in a field `op` that no step
knows, so that every entry can be traced back to its order.

A new operation (cancel, pay at the counter, …) is a function that returns an order, and a line in MIX."""
import json
import random
import uuid
from collections import deque, namedtuple

Show = namedtuple("Show", "id labels capacity amount")  # labels: () where seats are not numbered

MIX = {"book": 75, "again": 3, "repeat": 5, "reuse": 2, "anonymous": 4, "mistake": 3, "blot": 1, "event": 5, "garbage": 5}
BAD_BYTES = b"a\xff\xfeb".decode("utf-8", "surrogateescape")
UNKNOWN = "01890000-0000-7000-8000-000000000000"
UNKNOWN_INVOICE = "INV-01M7XYDGTMHXMSMJNTZ1S9FX8W"
CANCEL_STEPS, CONFIRM_STEPS = [], []  # the steps that read cancel.requested and seat.reserved, once they exist


def make_shows(seed, generation, rate, seconds):
    """The shows that are sold for so many seconds: together about as many seats as are asked for, and small ones that sell out."""
    dice = random.Random(f"shows {seed} {generation}")
    size = max(40, int(rate * seconds * 0.7))

    def show(name, seats, numbered):
        amount = dice.randrange(50, 500) * 1000
        labels = tuple(f"{row}{n}" for row in "ABCDEFGH" for n in range(1, seats // 8 + 2))[:seats] if numbered else ()
        return Show(f"{name}-{seed}-{generation}", labels, seats, amount)
    return [show("hall", size, True), show("field", size, False), show("booth", dice.randint(4, 12), True),
            show("van", dice.randint(5, 15), False)]


def show_body(show):
    seats = {"seats": list(show.labels)} if show.labels else {"capacity": show.capacity}
    return {"id": show.id, "title": f"Storm {show.id}", "price": {"amount": show.amount, "currency": "IDR"}, **seats}


class Author:
    """One publisher's orders."""

    def __init__(self, seed, name):
        self.name, self.dice, self.count = name, random.Random(f"orders {seed} {name}"), 0
        self.recent, self.events = deque(maxlen=50), deque(maxlen=50)

    def next(self, shows):
        """The next order, given the shows that are on sale."""
        self.count += 1
        kind = self.dice.choices(list(MIX), MIX.values())[0]
        if kind in ("again", "repeat", "reuse") and not self.recent:
            kind = "book"
        order = {"kind": kind, "stream": "booking.requested", **getattr(self, kind)(shows)}
        order["fields"]["op"] = f"{self.name}-{self.count}"
        return order

    # ---- bookings ----

    def wish(self, shows):
        """Seats somewhere: front rows are wanted most."""
        dice = self.dice
        show = dice.choices(shows[-4:], [55, 27, 10, 8])[0] if dice.random() < 0.9 else dice.choice(shows)
        fields = {"user": f"fan-{dice.randrange(300)}", "show": show.id}
        if show.labels:
            first, count = int(len(show.labels) * dice.random() ** 2), dice.choice([1, 1, 1, 2, 2, 3, 4])
            seats = {show.labels[min(first + dice.randint(0, 5), len(show.labels) - 1)] for _ in range(count)}
            fields["seat" if len(seats) == 1 and dice.random() < 0.5 else "seats"] = ",".join(sorted(seats, key=lambda _: dice.random()))
        else:
            fields["quantity"] = str(dice.choice([1, 1, 2, 3, 4]))
        fields.update(dice.choice([{}, {"waitlist": "yes"}, {"waitlist": "no"}, {"waitlist": "no"}]))
        fields.update(dice.choice([{}, {}, {"payment": "auto"}, {"payment": "auto"}, {"payment": "auto"}, {"payment": "link"}]))
        return fields

    def new_id(self):
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    def book(self, shows):
        fields = {"booking_id": self.new_id(), **self.wish(shows)}
        self.recent.append(fields)
        return {"fields": dict(fields)}

    def again(self, _):
        """The same wish as another booking: whoever has the seats is told so."""
        return {"fields": {**self.dice.choice(self.recent), "booking_id": self.new_id()}}

    def repeat(self, _):
        return {"fields": dict(self.dice.choice(self.recent))}

    def reuse(self, _):
        return {"fields": {**self.dice.choice(self.recent), "user": f"thief-{self.dice.randrange(50)}"}}

    def anonymous(self, shows):
        """Without a booking_id. Whose it is shows by its user; it does not wait, so something is said of it in the end."""
        return {"fields": {**self.wish(shows), "user": f"one-{self.name}-{self.count}", "waitlist": "no"}}

    def mistake(self, shows):
        """What can be read, but is refused: which show, which seat, or that seats have names."""
        fields = {"booking_id": self.new_id(), **self.wish(shows)}
        wrong = self.dice.choice(["show", "seat", "number"])
        for name in ("seat", "seats", "quantity"):
            fields.pop(name, None)
        numbered = [show for show in shows if show.labels]
        general = [show for show in shows if not show.labels]
        if wrong == "show":
            fields.update(show=f"nowhere-{self.dice.randrange(9)}", seats="A1")
        elif wrong == "seat":
            show = self.dice.choice(numbered)
            fields.update(show=show.id, seats=f"{self.dice.choice(show.labels)},Z999")
        else:
            fields.update(show=self.dice.choice(general).id, seats="A1")
        return {"fields": fields}

    def blot(self, shows):
        """A good request with a field beside ours that is no text: it is served, and the log cannot keep it."""
        return {"fields": {"booking_id": self.new_id(), **self.wish(shows), "note": BAD_BYTES}, "dies_in": ["record"]}

    # ---- events of others ----

    def event(self, _):
        dice = self.dice
        if self.events and dice.random() < 0.35:
            fields = dict(dice.choice(self.events))
            if dice.random() < 0.3:
                fields["payload"] = json.dumps({"another": dice.randrange(1000)})
        else:
            fields = {"topic": dice.choice(["gate.opened", "lamp.on", "door.shut"]), "event_id": f"e-{self.name}-{self.count}",
                      "timestamp": f"2026-11-{dice.randint(10, 28)}T10:00:{dice.randint(10, 59)}Z", "source": "storm",
                      "payload": json.dumps({"n": dice.randrange(10**6), "text": "ü✓" * dice.randrange(5)})}
            self.events.append(fields)
        return {"stream": "events", "fields": dict(fields)}

    # ---- garbage ----

    def garbage(self, shows):
        stream, fields, dies_in = self.dice.choice(GARBAGE)
        fields = {name: shows[-4].id if value == "SHOW" else value for name, value in fields.items()}
        return {"stream": stream, "fields": fields, "dies_in": dies_in}


def good(**fields):
    return {name: value for name, value in {"user": "ayu", "show": "SHOW", "seats": "A1", **fields}.items() if value is not None}


HELD = {"booking_id": UNKNOWN, "user": "ayu", "show": "s", "seats": "A1", "amount": "5", "currency": "IDR",
        "hold_expires_at": "2030-01-01T00:00:00Z", "payment": "auto"}
DONE = {"booking_id": UNKNOWN, "invoice_no": UNKNOWN_INVOICE, "payment_id": "PAY-1", "status": "succeeded", "amount": "1",
        "currency": "IDR"}
EVENT = {"topic": "gate.opened", "event_id": "bad", "timestamp": "2026-11-20T10:00:00Z", "source": "storm", "payload": "{}"}

# stream, fields, the steps in which it must die. `record` keeps whatever is text, understood or not.
GARBAGE = [
    ("booking.requested", good(user=None), ["hold"]),
    ("booking.requested", good(user="a b"), ["hold"]),
    ("booking.requested", good(user="u" * 70_000), ["hold"]),
    ("booking.requested", good(user=BAD_BYTES), ["hold", "record"]),
    ("booking.requested", good(user="a\0b"), ["hold", "record"]),
    ("booking.requested", good(seats="A1,,A2"), ["hold"]),
    ("booking.requested", good(seats=None), ["hold"]),
    ("booking.requested", good(seats=",".join(f"S{n}" for n in range(11))), ["hold"]),
    ("booking.requested", good(seats=None, quantity="18446744073709551617"), ["hold"]),
    ("booking.requested", good(seats=None, quantity="-1"), ["hold"]),
    ("booking.requested", good(booking_id="1234"), ["hold"]),
    ("booking.requested", good(waitlist="perhaps"), ["hold"]),
    ("booking.requested", good(payment="cash"), ["hold"]),
    ("booking.requested", good(event_id="e" * 201), ["hold", "record"]),
    ("booking.requested", good(at="yesterday"), ["hold", "record"]),
    ("booking.requested", good(note="x" * 300_000), ["hold", "record"]),
    ("booking.requested", good(**{f"extra{n}": str(n) for n in range(97)}), ["hold", "record"]),
    ("booking.requested", {"": ""}, ["hold"]),
    ("seat.reserved", {"booking_id": "x"}, CONFIRM_STEPS),
    ("seat.held", {**HELD, "amount": "-5"}, ["invoice"]),
    ("seat.held", {**HELD, "hold_expires_at": "soon"}, ["invoice"]),
    ("seat.held", {"show": BAD_BYTES}, ["invoice", "record"]),
    ("invoice.created", {"booking_id": "x", "invoice_no": "INV-?"}, ["bill", "charge"]),
    ("payment.requested", {"invoice_no": "17"}, ["charge"]),
    ("payment.requested", {}, ["charge"]),
    ("payment.requested", {"invoice_no": UNKNOWN_INVOICE}, ["charge"]),
    ("payment.done", {**DONE, "booking_id": "not-a-uuid"}, ["settle"]),
    ("payment.done", {**DONE, "status": "perhaps"}, ["settle"]),
    ("payment.done", DONE, ["settle"]),
    ("cancel.requested", {"by": "ayu"}, CANCEL_STEPS),
    ("cancel.requested", {"booking_id": BAD_BYTES}, [*CANCEL_STEPS, "record"]),
    ("booking.closed", {"status": "what"}, []),
    ("booking.closed", {"at": "never"}, ["record"]),
    ("events", {**EVENT, "topic": ""}, ["record"]),
    ("events", {**EVENT, "topic": "seat.held"}, ["record"]),
    ("events", {**EVENT, "payload": "[1"}, ["record"]),
    ("events", {**EVENT, "payload": '{"a":1,"a":2}'}, ["record"]),
    ("events", {**EVENT, "payload": "[" * 5000}, ["record"]),
    ("events", {**EVENT, "timestamp": "now"}, ["record"]),
    ("events", {"hello": "world"}, ["record"]),
    ("dead", {"stream": "nonsense"}, []),
    ("seat.wished", {"nobody": "reads this"}, []),
]
