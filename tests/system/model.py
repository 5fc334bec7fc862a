"""The reference: what the requests of a stream must lead to, one after the other, without databases, batches or workers.

It holds while no seat comes back (no payment fails, nothing expires, nobody cancels)."""
from collections import namedtuple

Outcome = namedtuple("Outcome", "show status seats reason entry")


def replay(entries, shows):
    """entries: [(entry id, fields)] in the stream's order; shows: {id: [labels in their order]}.
    {booking id: Outcome}; the first entry of a booking id counts."""
    free, owners, outcomes = {show: list(labels) for show, labels in shows.items()}, {}, {}
    for entry, fields in entries:
        if fields["booking_id"] not in outcomes:
            outcomes[fields["booking_id"]] = Outcome(fields["show"], *decide(fields, free[fields["show"]], owners), entry)
    return outcomes


def decide(fields, free, owners):
    """(status, seats, reason); takes what it gives out of `free` and notes in `owners` whose it is: {(show, seat): user}."""
    show, user = fields["show"], fields["user"]
    if "seats" in fields:
        wanted, asked, reason = sorted(fields["seats"].split(",")), sorted(fields["seats"].split(",")), "seat_taken"
        gets_all = all(seat in free for seat in wanted)
        if any(owners.get((show, seat)) == user for seat in wanted):
            return "REJECTED", asked, "already_yours"
    else:
        wanted, asked, reason = free[:int(fields["quantity"])], [], "not_enough_seats"
        gets_all = len(wanted) == int(fields["quantity"])
    if gets_all:
        for seat in wanted:
            free.remove(seat)
            owners[show, seat] = user
        return "CONFIRMED", wanted, None
    if fields.get("waitlist") == "no":
        return "REJECTED", asked, reason
    return "WAITLISTED", asked, None
