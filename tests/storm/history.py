"""What happened, put together from what was seen from outside: the journal, the streams, and the views at the end. Nothing here
judges."""
import bisect
from collections import Counter, defaultdict, namedtuple

from journal import read_lines

LAST = 10**30       # later than any entry: nobody saw when
UNREAD_MS = 60_000  # a request that FLUSHALL met unread was not older than this

# What our programs call themselves as the source of what they say.
STEPS = ("hold", "confirm", "invoice", "bill", "charge", "settle", "cancel", "issue", "expire")

Show = namedtuple("Show", "id labels capacity amount")
Loss = namedtuple("Loss", "since_ms until_ms")  # what was added in between may be forgotten, if nobody had read it
WrongClock = namedtuple("WrongClock", "since_ms until_ms")  # entries got their ids by a clock of Redis that was wrong
Held = namedtuple("Held", "entry show user seats amount payment")
Closing = namedtuple("Closing", "entry show user seats reason")
Payment = namedtuple("Payment", "entry payment_id status amount")
Request = namedtuple("Request", "entry fields")


def entry_number(entry):
    """An entry's id as one number that sorts like it."""
    ms, seq = entry.split("-")
    return int(ms) * 1_000_000 + int(seq)


def entry_text(number):
    return f"{number // 1_000_000}-{number % 1_000_000}"


def ms_of(number):
    return number // 1_000_000


class Booking:
    """Everything that was asked and said about one booking id; the first of each kind counts as its time."""
    __slots__ = ("id", "requests", "held", "invoices", "payments", "closings", "asked_to_pay", "view")

    def __init__(self, booking_id):
        self.id, self.requests, self.view, self.asked_to_pay = booking_id, [], None, None
        self.held, self.invoices, self.payments, self.closings = [], {}, {}, {}

    @property
    def request(self):
        return self.requests[0] if self.requests else None

    def last_said(self):
        """The number of the latest entry about it, which may be its request."""
        said = [held.entry for held in self.held] + [closing.entry for closing in self.closings.values()]
        said += [payment.entry for payment in self.payments.values()] + [entry for entry, _ in self.invoices.values()]
        return max(said + [request.entry for request in self.requests], default=0)

    def released(self):
        """(not before, not after) which entry its seats came back; None if they never did. The payment had failed before; where
        none failed, nothing better is known than that it was asked for."""
        ends = [closing.entry for status, closing in self.closings.items() if status != "confirmed"]
        if not self.closings and (self.view or {}).get("status") in ("FAILED", "EXPIRED", "CANCELLED"):
            ends = [LAST]  # its ending was lost
        if not ends or not self.held:
            return None
        failed = [payment.entry for payment in self.payments.values() if payment.status == "failed"]
        return min(failed or [request.entry for request in self.requests[:1]] or [0]), min(ends)


def content(fields):
    """What a request asks for: two with the same are the same."""
    seats = fields.get("seats") or fields.get("seat")
    return (fields.get("user"), fields.get("show"), fields.get("payment"), fields.get("waitlist") != "no",
            fields.get("quantity") if not seats else None, tuple(sorted(seats.split(","))) if seats else ())


class History:
    def __init__(self):
        self.ops, self.shows, self.losses, self.faults, self.reads = {}, {}, [], [], []
        self.wrong_clocks = []
        self.dies_in, self.planted = {}, {}      # {order: steps}, {(stream, entry): steps}: where garbage must die
        self.bookings, self.dead = {}, {}
        self.entries = defaultdict(set)          # {stream: numbers of all entries seen}
        self.events = {}                         # {(topic, event_id): streams' entries that said it}
        self.logged, self.logged_twice = {}, []  # {(topic, event_id): (stream, entry)} as the log shows it
        self.stats, self.seat_views = {}, {}
        self.probe_times, self.samples = {}, []

    def booking(self, booking_id):
        if booking_id not in self.bookings:
            self.bookings[booking_id] = Booking(booking_id)
        return self.bookings[booking_id]

    def may_be_forgotten(self, number):
        return any(loss.since_ms <= ms_of(number) <= loss.until_ms + 1 for loss in self.losses)

    def is_in_doubt(self, first, last):
        """Whether between these two entries were lost, or got ids that do not tell which came first."""
        return self.was_disturbed(first, last) or not self.ids_tell_time(ms_of(first), ms_of(last))

    def was_disturbed(self, first, last):
        """Whether Redis lost entries between these two: what was seen then may not be all."""
        return any(ms_of(first) <= loss.until_ms + 1 and ms_of(last) >= loss.since_ms - 1 for loss in self.losses)

    def ids_tell_time(self, since_ms, until_ms):
        """Whether ids between these two tell of entries of different streams which was first: all ids that Redis made while its clock
        was wrong lie in the time that was noted for that."""
        return not any(since_ms <= wrong.until_ms + 1 and until_ms >= wrong.since_ms - 1 for wrong in self.wrong_clocks)

    # ---- the journal ----

    def add_journal(self, line):
        if "op" in line and "outcome" in line:
            self.ops[line["op"]].update(outcome=line["outcome"], answer=line["answer"])
        elif "op" in line:
            self.ops[line["op"]] = {"outcome": "unknown", "answer": None, **line}
            if line.get("dies_in") is not None:
                self.dies_in[line["fields"]["op"]] = line["dies_in"]
        elif "loss" in line:
            since = line["since_ms"] - (UNREAD_MS if line["loss"] == "flushall" else 0)
            self.losses.append(Loss(since, line["until_ms"]))
        elif "clock" in line:
            self.wrong_clocks.append(WrongClock(line["since_ms"], line["until_ms"]))
        elif "capacity" in line:
            self.shows[line["show"]] = Show(line["show"], tuple(line["labels"]), line["capacity"], line["amount"])
        elif "read" in line:
            self.reads.append(line)
        elif "fault" in line:
            self.faults.append(line)

    # ---- the streams ----

    def add_entry(self, stream, entry, fields, seen):
        number = entry_number(entry)
        if number in self.entries[stream]:
            return
        self.entries[stream].add(number)
        if stream == "dead":
            if fields.get("step"):
                self.dead[fields["stream"], fields["entry_id"], fields["step"]] = fields.get("reason")
            return
        if fields.get("op") in self.dies_in:
            self.planted[stream, entry] = self.dies_in[fields["op"]]
        topic = fields.get("topic", "") if stream == "events" else stream
        self.events.setdefault((topic, fields.get("event_id") or entry), []).append((stream, number))
        adder = getattr(self, "add_" + stream.replace(".", "_"), None)
        if adder and self.is_fact(stream, fields):
            adder(number, fields, seen)

    @staticmethod
    def is_fact(stream, fields):
        """Said by our programs (or a request): not a user's garbage."""
        return stream in ("booking.requested", "payment.requested") or fields.get("source") in STEPS

    def add_booking_requested(self, number, fields, _):
        booking_id = fields.get("booking_id")
        if not booking_id and fields.get("user", "").startswith("one-"):
            booking_id = fields["user"]
        if booking_id:
            self.booking(booking_id).requests.append(Request(number, fields))

    def of_fact(self, fields):
        """The booking a fact is about; one that was asked for without a booking_id is known by its user."""
        if fields["booking_id"] not in self.bookings and fields.get("user") in self.bookings:
            self.bookings[fields["booking_id"]] = self.bookings[fields["user"]]
        return self.booking(fields["booking_id"])

    def add_seat_held(self, number, fields, _):
        self.of_fact(fields).held.append(Held(number, fields["show"], fields["user"], tuple(sorted(fields["seats"].split(","))),
                                              int(fields["amount"]), fields["payment"]))

    def add_invoice_created(self, number, fields, _):
        self.booking(fields["booking_id"]).invoices.setdefault(fields["invoice_no"], (number, int(fields["amount"])))

    def add_payment_done(self, number, fields, _):
        payments = self.booking(fields["booking_id"]).payments
        payments.setdefault((fields["payment_id"], fields["status"]),
                            Payment(number, fields["payment_id"], fields["status"], int(fields["amount"])))

    def add_booking_closed(self, number, fields, seen):
        self.of_fact(fields).closings.setdefault(fields["status"], Closing(
            number, fields["show"], fields["user"], tuple(sorted(filter(None, fields["seats"].split(",")))), fields.get("reason")))
        self.probe_times.setdefault(fields["booking_id"], seen)

    # ---- the views at the end ----

    def add_outside(self, line):
        if "event" in line:
            topic, event_id, stream, entry = line["event"]
            if (topic, event_id) in self.logged:
                self.logged_twice.append((topic, event_id))
            self.logged[topic, event_id] = stream, entry_number(entry)
        elif "stats" in line:
            self.stats[line["of"]] = line["stats"]
        elif "dead" in line:
            stream, entry, step, reason = line["dead"]
            self.dead[stream, entry, step] = reason
        elif "seats" in line:
            self.seat_views[line["show"]] = line["seats"]
        elif "booking" in line:
            self.booking(line["booking"]).view = {"http": line["http"], **(line["shown"] or {})}

    def all_bookings(self):
        """Each once, although those without an id of their own are known by two names."""
        return {id(booking): booking for booking in self.bookings.values()}.values()


def load(folder):
    history = History()
    for line in read_lines(f"{folder}/journal.jsonl"):
        history.add_journal(line)
    for requests_now in (True, False):  # requests first: a page of a stream may be followed before what it follows from
        for stream, entry, fields, seen in read_lines(f"{folder}/streams.jsonl", '["booking.requested"', requests_now):
            history.add_entry(stream, entry, fields, seen)
    for line in read_lines(f"{folder}/outside.jsonl"):
        history.add_outside(line)
    history.samples = [(line["t"], line["age_ms"], line.get("used")) for line in read_lines(f"{folder}/samples.jsonl")]
    for booking in history.all_bookings():
        booking.requests.sort(key=lambda request: request.entry)
        booking.held.sort(key=lambda held: held.entry)
    return history


class Owners:
    """Of one show: who ever held which seat, by the order of their requests."""

    def __init__(self, bookings):
        self.by_seat, self.all = defaultdict(list), []
        for booking in sorted(bookings, key=lambda booking: booking.request.entry):
            self.all.append(booking)
            for seat in booking.held[0].seats:
                self.by_seat[seat].append(booking)

    def possible(self, seat, request_entry):
        """Whether somebody who had asked before may have had the seat when this request was decided."""
        for booking in self.by_seat[seat]:
            if booking.request.entry >= request_entry:
                return False
            released = booking.released()
            if released is None or released[1] >= request_entry:
                return True
        return False

    def most_owned(self, request_entry):
        """How many seats those who had asked before may have had at that moment, at most."""
        count = 0
        for booking in self.all[:bisect.bisect_left(self.all, request_entry, key=lambda booking: booking.request.entry)]:
            released = booking.released()
            if released is None or released[1] >= request_entry:
                count += len(booking.held[0].seats)
        return count


def owners_by_show(history):
    by_show = defaultdict(list)
    for booking in history.all_bookings():
        if booking.held and booking.request:
            by_show[booking.held[0].show].append(booking)
    return {show: Owners(bookings) for show, bookings in by_show.items()}


def count_kinds(history):
    """{(kind, how): {outcome: how many}} of all that was sent."""
    counted = defaultdict(Counter)
    for op in history.ops.values():
        counted[op["kind"], op["via"]][op["outcome"]] += 1
    return counted
