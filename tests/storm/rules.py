"""The rules of requests, bookings, money and the log. Each is a function of the history that yields what broke it, as text.

Where Redis was made to lose entries, only that is forgiven which nobody can know: a request that was unread may be missing. If
it is there, it must be right."""
from collections import Counter

from history import content, entry_number, entry_text

FINAL = {"CONFIRMED", "REJECTED", "FAILED", "EXPIRED", "CANCELLED"}
NO_SEATS = {"seat_taken", "not_enough_seats"}
OWN_SEAT = "already_yours"  # whether it is: rules_seats.own_seat_misjudged


# ---- requests ----

def accepted_entry_lost(history):
    """What was answered with an id is on the stream, or has been logged."""
    for tag, op in history.ops.items():
        if op["outcome"] == "accepted" and op["via"] == "xadd" and op["stream"] in history.entries:
            number = entry_number(op["answer"])
            if number not in history.entries[op["stream"]] and not history.may_be_forgotten(number):
                yield f"{tag} was answered {op['answer']}, and is not on {op['stream']}"


def refused_request_taken(history):
    """What was surely refused has left nothing, unless the same was also asked for again."""
    hopeful = {op["fields"]["booking_id"] for op in history.ops.values()
               if op["outcome"] != "refused" and "booking_id" in op.get("fields", {})}
    for tag, op in history.ops.items():
        booking_id = op.get("fields", {}).get("booking_id")
        booking = history.bookings.get(booking_id)
        if op["outcome"] == "refused" and booking_id not in hopeful and booking and (booking.requests or booking.held):
            yield f"{tag} was refused ({op['answer']}), and booking {booking_id} is there"


def booking_without_request(history):
    asked_by_post = {op["answer"] for op in history.ops.values() if op["via"] == "post" and op["outcome"] == "accepted"}
    for booking in history.all_bookings():
        said = booking.held or booking.closings or booking.invoices or booking.payments
        if said and not booking.requests and booking.id not in asked_by_post and not history.losses:
            yield f"booking {booking.id} was never asked for"


def accepted_request_without_outcome(history):
    """Closed, or waiting for a seat, or for somebody who has not used his link."""
    for booking in history.all_bookings():
        request = booking.request
        if not request or booking.closings or _is_invalid(history, booking):
            continue
        view = booking.view or {}
        status = view.get("status")
        if status is None:
            if view.get("http") == 404 or booking.id.startswith("one-"):
                if not history.may_be_forgotten(request.entry) or booking.held:
                    yield f"booking {booking.id}, asked for by {request.entry}: nothing became of it"
            continue
        waits = status == "WAITLISTED" and content(request.fields)[3] and not booking.held
        unpaid = status == "AWAITING_PAYMENT" and booking.held and booking.held[0].payment == "link"
        if not (waits or unpaid or status == "AWAITING_PAYMENT" and not booking.held and history.losses):
            yield f"booking {booking.id}, asked for by {request.entry}, is {status} in the end and nothing was said of its ending"


def _is_invalid(history, booking):
    return all(("booking.requested", entry_text(request.entry), "hold") in history.dead for request in booking.requests)


def several_outcomes(history):
    for booking in history.all_bookings():
        endings = set(booking.closings) - {"cancelled"}
        if len(endings) > 1:
            yield f"booking {booking.id} was closed as {sorted(endings)}"
        if "rejected" in endings and booking.held:
            yield f"booking {booking.id} was rejected and held"


def view_disagrees(history):
    """What GET /bookings/{id} says at rest is what was said when it closed."""
    for booking in history.all_bookings():
        status = (booking.view or {}).get("status")
        if status and booking.closings and status.lower() not in booking.closings:
            yield f"booking {booking.id} is shown as {status}, and was closed as {sorted(booking.closings)}"
        if booking.view and status is None and booking.closings and booking.view.get("http") != 404:
            yield f"booking {booking.id} cannot be shown: {booking.view}"
        if booking.view and booking.view.get("http") == 404 and booking.closings:
            yield f"booking {booking.id} was closed and is not found"


def another_content(history):
    """Held, rejected and shown is what was asked for: whose it is, which show, which seats, how many, at which price."""
    for booking in history.all_bookings():
        wanted = [content(request.fields) for request in booking.requests]
        if history.losses and len(set(wanted)) > 1:
            candidates = wanted  # which of them came first is not known where entries were lost
        else:
            candidates = wanted[:1]
        if not candidates:
            continue
        why = [list(_differences(history, booking, one)) for one in candidates]
        if all(why):
            yield f"booking {booking.id}: {why[0][0]}"


def _differences(history, booking, wanted):
    user, show, payment, waits, quantity, seats = wanted
    made = history.shows.get(show)
    for held in booking.held:
        if (held.user, held.show, held.payment) != (user, show, payment or "auto"):
            yield f"held for {held.user} in {held.show} ({held.payment}), asked {wanted}"
        if seats and held.seats != seats or not seats and (len(held.seats) != int(quantity) or len(set(held.seats)) != len(held.seats)):
            yield f"holds {held.seats}, asked for {seats or quantity}"
        if not made:
            yield f"holds seats of {show}, which was not made"
        elif held.amount != made.amount * len(held.seats):
            yield f"costs {held.amount} for {len(held.seats)} seats of {made.amount}"
    rejected = booking.closings.get("rejected")
    expected = _refusal(made, seats)
    if rejected and (rejected.user, rejected.show) != (user, show):
        yield f"rejected for {rejected.user} in {rejected.show}, asked {wanted}"
    if rejected and expected and rejected.reason != expected:
        yield f"rejected as {rejected.reason}, not as {expected}"
    if rejected and not expected and rejected.reason != OWN_SEAT and (waits or rejected.reason not in NO_SEATS):
        yield f"rejected as {rejected.reason}, {'though it waits' if waits else 'for no reason known'}"
    if expected and booking.held:
        yield f"held, although {expected}"
    if not waits and (booking.view or {}).get("status") == "WAITLISTED":
        yield "waits, and did not want to"


def _refusal(show, seats):
    """Why it can never be had, if so."""
    if not show:
        return "unknown_show"
    if seats and not show.labels:
        return "seats_are_not_numbered"
    if set(seats) - set(show.labels):
        return "unknown_seat"
    return None


# ---- money ----

def money_wrong(history):
    for booking in history.all_bookings():
        if len(booking.invoices) > 1:
            yield f"booking {booking.id} has invoices {sorted(booking.invoices)}"
        if len(booking.payments) > 1:
            yield f"booking {booking.id} was paid as {sorted(booking.payments)}"
        amounts = {held.amount for held in booking.held} | {amount for _, amount in booking.invoices.values()}
        amounts |= {payment.amount for payment in booking.payments.values()}
        if len(amounts) > 1:
            yield f"booking {booking.id} is said to cost {sorted(amounts)}"
        paid = {payment.status for payment in booking.payments.values()}
        for status, outcome in (("confirmed", "succeeded"), ("failed", "failed")):
            if status in booking.closings and outcome not in paid and not history.losses:
                yield f"booking {booking.id} was closed as {status} and paid as {sorted(paid)}"
        if booking.closings.get("failed") and "succeeded" in paid:
            yield f"booking {booking.id} failed although it was paid"


def link_paid_without_being_used(history):
    """Nobody asked to be charged; or somebody did and nothing came of it."""
    used, asked = set(), set()
    for op in history.ops.values():
        if op["kind"] == "pay" and op["outcome"] != "refused":
            asked.add(op["booking"])
            if op["outcome"] == "accepted" and not history.may_be_forgotten(entry_number(op["answer"])):
                used.add(op["booking"])
    for booking in history.all_bookings():
        if not booking.held or booking.held[0].payment != "link":
            continue
        if booking.payments and booking.id not in asked and not booking.id.startswith("one-"):
            yield f"booking {booking.id} was charged, and nobody had used its link"
        if booking.id in used and not booking.payments and not history.losses:
            yield f"booking {booking.id}: its link was used, and nothing was paid"


# ---- the log ----

def logged_wrong(history):
    """Every event that can be stored is in the log once; nothing else is."""
    for topic, event_id in history.logged_twice:
        yield f"{topic} {event_id} is in the log twice"
    for key, said in history.events.items():
        storable = [(stream, number) for stream, number in said if (stream, entry_text(number), "record") not in history.dead]
        if storable and key not in history.logged and not all(history.may_be_forgotten(number) for _, number in storable):
            yield f"{key[0]} {key[1]}, said by {entry_text(storable[0][1])}, is not in the log"
        if key in history.logged and history.logged[key] not in said and not history.losses:
            yield f"{key[0]} {key[1]} is logged as of {history.logged[key]}, said by {said[:3]}"
    if not history.losses:
        for key in history.logged.keys() - history.events.keys():
            yield f"{key[0]} {key[1]} is in the log and was on no stream"


def statistics_wrong(history):
    names = sorted(history.stats)
    counted = {name: [history.stats[name][key] for key in ("received", "unique_processed", "duplicate_dropped", "rejected")]
               for name in names}
    for name, (received, unique, duplicate, rejected) in counted.items():
        if received != unique + duplicate + rejected:
            yield f"{name}: {received} received is not {unique} + {duplicate} + {rejected}"
        if unique != len(history.logged):
            yield f"{name}: {unique} unique, and {len(history.logged)} events are in the log"
        entries = sum(len(numbers) for stream, numbers in history.entries.items() if stream != "dead")
        if not history.losses and received != entries:
            yield f"{name}: {received} received, and {entries} entries were on the streams"
        dead_in_record = len({(stream, entry) for stream, entry, step in history.dead if step == "record"})
        if not history.losses and rejected != dead_in_record:
            yield f"{name}: {rejected} rejected, and {dead_in_record} dead letters of record"
    if len({tuple(numbers) for numbers in counted.values()}) > 1:
        yield f"the aggregators disagree: {counted}"
    statuses = Counter(status.upper() for booking in history.all_bookings() for status in booking.closings)
    for name in names:
        for status in FINAL & set(history.stats[name]["bookings"]) if not history.losses else ():
            if history.stats[name]["bookings"][status] != statuses[status]:
                yield f"{name}: {history.stats[name]['bookings'][status]} bookings are {status}, {statuses[status]} were said to be"


def took_the_id(history, booking, request):
    """Whether whoever asked first was forgotten with Redis, unread, so that the booking is this request's."""
    users = {held.user for held in booking.held} | {closing.user for closing in booking.closings.values()}
    return history.may_be_forgotten(booking.requests[0].entry) and users == {request.fields.get("user")}


def dead_letters_wrong(history):
    """What was meant to die died, in the steps that read it, and nothing else did."""
    expected = {(stream, entry, step) for (stream, entry), steps in history.planted.items() for step in steps}
    reused = set()
    for booking in history.all_bookings():
        for request in booking.requests:
            if content(request.fields) != content(booking.requests[0].fields) and not took_the_id(history, booking, request):
                reused.add(("booking.requested", entry_text(request.entry), "hold"))
    for key in (expected | reused) - set(history.dead):
        if not history.may_be_forgotten(entry_number(key[1])):
            yield f"{key} should have died ({'garbage' if key in expected else 'a booking_id used again'})"
    for key in set(history.dead) - expected - reused:
        if not history.losses:  # else it may have been garbage, or a repetition, of something that was lost unseen
            yield f"{key} died: {history.dead[key]}"
