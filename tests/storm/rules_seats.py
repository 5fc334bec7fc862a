"""The rules of seats: who may have had which, and when.

Time is the order of entries. A request is decided after it was added, and in the order in which requests were added; so a seat's
owners follow each other in the order of their requests. A seat is taken before its `seat.held` is said; it comes back after its
payment has failed and before its `booking.closed` is said. Within these bounds the doubt is the stack's; and where bookings were touched
by a loss of entries, or by a wrong clock of Redis: then the ids of two streams do not tell which entry was first."""
from history import LAST, content, owners_by_show
from rules import NO_SEATS, OWN_SEAT


def seat_owned_by_two(history):
    """Each owner of a seat must have given it back before the next one can have taken it."""
    for show, owners in owners_by_show(history).items():
        for seat, bookings in owners.by_seat.items():
            keepers = [booking for booking in bookings if booking.released() is None]
            if len(keepers) > 1:
                yield f"seat {seat} of {show} belongs to {' and '.join(booking.id for booking in keepers)}"
                continue
            for one, next_one in zip(bookings, bookings[1:]):
                released, taken = one.released(), next_one.held[0].entry
                if history.is_in_doubt(one.request.entry, max(one.last_said(), next_one.last_said())):
                    continue
                if released is None:
                    yield f"seat {seat} of {show} went to {next_one.id}, but {one.id}, who had asked before, has it"
                elif released[0] > taken:
                    yield f"seat {seat} of {show} went to {next_one.id} at {taken}, but {one.id} gave it back after {released[0]}"


def refused_although_free(history):
    """Who was told that there is no seat, or waits for one, met somebody who had asked before him."""
    owners = owners_by_show(history)
    for booking in history.all_bookings():
        rejected, view = booking.closings.get("rejected"), booking.view or {}
        if not _lacks_seats(booking, rejected, view) or not booking.request:
            continue
        entry = booking.request.entry
        _, show, _, _, quantity, seats = content(booking.request.fields)
        if history.is_in_doubt(entry, max(booking.last_said(), entry)) or _asked_twice(history, booking):
            continue
        there = owners.get(show)
        if seats and not (there and any(there.possible(seat, entry) for seat in seats)):
            yield f"booking {booking.id} ({entry}) did not get {seats} of {show}, and nobody had any of them"
        made = history.shows.get(show)
        if not seats and made and (there.most_owned(entry) if there else 0) + int(quantity) <= made.capacity:
            yield f"booking {booking.id} ({entry}) did not get {quantity} of {show}, and so many were free"


def _lacks_seats(booking, rejected, view):
    """It was told that there is no seat, or waits for one."""
    return rejected and rejected.reason in NO_SEATS or not booking.closings and view.get("status") == "WAITLISTED"


def own_seat_misjudged(history):
    """Who named a seat that his earlier booking had is told so, and neither waits nor hears of others; nobody else is told so."""
    owners = owners_by_show(history)
    for booking in history.all_bookings():
        rejected, view = booking.closings.get("rejected"), booking.view or {}
        is_told = rejected and rejected.reason == OWN_SEAT
        if not booking.request or not (is_told or _lacks_seats(booking, rejected, view)):
            continue
        entry = booking.request.entry
        if history.is_in_doubt(entry, max(booking.last_said(), entry)) or _asked_twice(history, booking):
            continue
        user, show, _, _, _, seats = content(booking.request.fields)
        had = [other for seat in seats for other in (owners[show].by_seat.get(seat, ()) if show in owners else ())
               if other.held[0].user == user and other.request.entry < entry]
        if is_told and not any(_may_have_seats(other, entry) for other in had):
            yield f"booking {booking.id} ({entry}) was told that {user} has some of {seats or 'any seats'} of {show}, and he had none"
        for other in had if not is_told else ():
            if _surely_has_seats(other, rejected.entry if rejected else LAST):
                yield f"booking {booking.id} ({entry}) was not told that {user} has some of {seats} of {show}: {other.id} had"


def _may_have_seats(booking, when):
    released = booking.released()
    return released is None or released[1] >= when


def _surely_has_seats(booking, when):
    """From its request on until then, at least."""
    released = booking.released()
    return released is None or released[0] > when


def _asked_twice(history, booking):
    """With other content, while entries were lost: which of the two was decided is not known."""
    return history.losses and len({content(request.fields) for request in booking.requests}) > 1


def seats_at_rest_wrong(history):
    """What GET /shows/{id}/seats says in the end is what was said of their bookings."""
    owner_of = {}
    for booking_id, booking in history.bookings.items():
        for held in booking.held[-1:]:
            if booking.released() is None and not booking_id.startswith("one-"):
                status = "BOOKED" if "confirmed" in booking.closings else "ON_GOING"
                for seat in held.seats:
                    owner_of[held.show, seat] = (status, booking_id)
    for show, seats in history.seat_views.items():
        made = history.shows[show]
        if len(seats) != made.capacity or made.labels and set(seats) != set(made.labels):
            yield f"{show} shows {len(seats)} seats and was made with {made.capacity}"
        for label, (status, booking_id) in seats.items():
            expected = owner_of.get((show, label), ("OPEN", None))
            if (status, booking_id) != expected and not (history.losses and _unheard(history, booking_id, expected[1])):
                yield f"seat {label} of {show} is {status} ({booking_id}), but {expected[0]} ({expected[1]}) was said"


def _unheard(history, *booking_ids):
    """Entries were lost while one of them was under way: not all that was said of it was heard."""
    found = [history.bookings[booking_id] for booking_id in booking_ids if booking_id in history.bookings]
    return any(not one.request or history.was_disturbed(one.request.entry, min(one.last_said(), one.request.entry + 120_000 * 10**6))
               for one in found)


def read_wrong(history):
    """Who was seen as a seat's owner had asked before and had not closed long ago."""
    for read in history.reads:
        tells_time = history.ids_tell_time(read["since_ms"], read["until_ms"])
        for label, (_, booking_id) in read["owned"].items():
            booking = history.bookings.get(booking_id)
            if not booking or not booking.request:
                if not history.losses:  # else it may have asked, unheard
                    yield f"seat {label} of {read['read']} was seen to belong to {booking_id}, who had never asked"
                continue
            released = booking.released()
            if tells_time and booking.request.entry // 1_000_000 > read["until_ms"] + 1:
                yield f"seat {label} of {read['read']} was seen to belong to {booking_id} before that was asked for"
            if tells_time and released and released[1] // 1_000_000 < read["since_ms"] - 1:
                yield f"seat {label} of {read['read']} was seen to belong to {booking_id} after that had closed"
            if booking.held and not history.losses and label not in booking.held[0].seats:
                yield f"seat {label} of {read['read']} was seen to belong to {booking_id}, who holds {booking.held[0].seats}"
