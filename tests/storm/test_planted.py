"""The checker finds what is wrong, and nothing where nothing is: each rule has violations planted in a small history, and each must
be reported under the rule's name."""
import pytest

from check import RULES, judge
from told import Told


def broken_rules(told, folder):
    told.write(folder)
    return {rule: example for rule, example in judge(folder)[2]}


def test_nothing_is_found_where_all_is_well(tmp_path):
    assert broken_rules(Told(), tmp_path) == {}


PLANTED = []


def planted(rule):
    return lambda spoil: PLANTED.append(pytest.param(rule, spoil, id=spoil.__name__)) or spoil


# ---- requests ----

@planted("accepted_entry_lost")
def an_accepted_request_is_nowhere(told):
    told.drop("booking.requested", "b8")
    told.drop("booking.closed", "b8")
    told.outside.remove(told.view(booking="b8"))


@planted("refused_request_taken")
def a_refused_request_is_held(told):
    op = next(line for line in told.journal if line.get("fields", {}).get("booking_id") == "b9")["op"]
    next(line for line in told.journal if line.get("op") == op and "outcome" in line)["outcome"] = "refused"


@planted("booking_without_request")
def seats_are_held_for_nobody(told):
    told.hold("phantom", "hall", "A4", 1000)


@planted("accepted_request_without_outcome")
def a_booking_stays_held(told):
    told.drop("booking.closed", "b3")
    told.view(booking="b3")["shown"]["status"] = "HELD"


@planted("accepted_request_without_outcome")
def a_booking_that_is_charged_at_once_waits_for_its_payment(told):
    told.drop("booking.closed", "b3")
    told.view(booking="b3")["shown"]["status"] = "AWAITING_PAYMENT"


@planted("accepted_request_without_outcome")
def a_request_is_forgotten(told):
    told.drop("booking.closed", "b8")
    told.view(booking="b8").update(http=404, shown=None)


@planted("several_outcomes")
def a_booking_closes_twice(told):
    told.insert(told.entry_of("booking.closed", "b3"), "booking.closed", **{
        **told.entry_of("booking.closed", "b3")[2], "status": "failed", "event_id": "b3:failed"})


@planted("view_disagrees")
def a_confirmed_booking_is_shown_as_failed(told):
    told.view(booking="b3")["shown"]["status"] = "FAILED"


@planted("view_disagrees")
def a_closed_booking_is_not_found(told):
    told.view(booking="b3").update(http=404, shown=None)


@planted("another_content")
def other_seats_are_held_than_asked_for(told):
    told.entry_of("seat.held", "b3")[2]["seats"] = "A4"


@planted("another_content")
def only_one_of_two_seats_is_held(told):
    told.entry_of("seat.held", "b1")[2]["seats"] = "A1"


@planted("another_content")
def one_seat_more_than_asked_for_is_held(told):
    told.entry_of("seat.held", "b7")[2]["seats"] = "3,2"


@planted("another_content")
def seats_are_held_for_somebody_else(told):
    told.entry_of("seat.held", "b3")[2]["user"] = "budi"


@planted("another_content")
def who_did_not_want_to_wait_waits(told):
    told.drop("booking.closed", "b2")
    told.view(booking="b2")["shown"]["status"] = "WAITLISTED"


@planted("another_content")
def who_wanted_to_wait_is_rejected(told):
    told.close("b4", "hall", "A2", "rejected", "seat_taken", user="citra", source="hold")


@planted("another_content")
def a_show_that_exists_is_called_unknown(told):
    told.entry_of("booking.closed", "b2")[2]["reason"] = "unknown_show"


# ---- money ----

@planted("another_content")
def seats_cost_less_than_their_price(told):
    for stream in ("seat.held", "invoice.created", "payment.done"):
        told.entry_of(stream, "b3")[2]["amount"] = "999"


@planted("money_wrong")
def an_invoice_says_another_amount(told):
    told.entry_of("invoice.created", "b3")[2]["amount"] = "999"


@planted("money_wrong")
def a_booking_has_two_invoices(told):
    told.insert(told.entry_of("invoice.created", "b3"), "invoice.created", **{
        **told.entry_of("invoice.created", "b3")[2], "invoice_no": "INV-other", "event_id": "b3:again"})


@planted("money_wrong")
def a_booking_is_charged_twice(told):
    told.insert(told.entry_of("payment.done", "b3"), "payment.done", **{
        **told.entry_of("payment.done", "b3")[2], "payment_id": "PAY-other", "event_id": "b3:paid2"})


@planted("money_wrong")
def a_paid_booking_fails(told):
    told.entry_of("booking.closed", "b3")[2]["status"] = "failed"


@planted("money_wrong")
def a_booking_is_confirmed_without_payment(told):
    told.drop("payment.done", "b3")


@planted("link_paid_without_being_used")
def who_never_used_the_link_is_charged(told):
    told.pay("b7", "van", "3", 1000)


@planted("link_paid_without_being_used")
def who_used_the_link_is_not_charged(told):
    told.drop("payment.done", "b5")
    told.drop("booking.closed", "b5")


# ---- seats ----

@planted("seat_owned_by_two")
def a_seat_is_sold_twice(told):
    told.entry_of("booking.closed", "b1")[2]["status"] = "confirmed"


@planted("seat_owned_by_two")
def a_seat_is_given_on_before_it_came_back(told):
    done, closed = told.entry_of("payment.done", "b1"), told.entry_of("booking.closed", "b1")
    ms = int(told.entry_of("booking.closed", "b3")[1].split("-")[0])
    done[1], closed[1] = f"{ms}-5", f"{ms}-6"


@planted("refused_although_free")
def a_free_seat_is_refused(told):
    told.book("b10", "hall", "A4")
    told.close("b10", "hall", "A4", "rejected", "seat_taken", source="hold")


@planted("refused_although_free")
def a_later_request_won(told):
    """b2 was turned away in favour of b1, whose request is later in the stream."""
    told.entry_of("booking.requested", "b1")[1] = told.entry_of("booking.requested", "b2")[1].replace("-0", "-1")


@planted("refused_although_free")
def who_waits_waits_for_a_seat_that_was_given_back_long_ago(told):
    told.book("b10", "hall", "A1", waitlist="yes")
    told.outside.append({"booking": "b10", "http": 200, "shown": {"status": "WAITLISTED"}})


@planted("refused_although_free")
def a_show_that_has_seats_says_that_it_has_none(told):
    told.book("b10", "hall", "A9")  # keeps b6 from being the last
    told.journal.append({"t": 0, "show": "van", "labels": [], "capacity": 4, "amount": 1000})


@planted("own_seat_misjudged")
def who_waits_waits_for_a_seat_of_his_own(told):
    told.entry_of("booking.requested", "b4")[2]["user"] = "ayu"


@planted("own_seat_misjudged")
def who_has_a_seat_is_told_that_somebody_has_it(told):
    told.entry_of("booking.closed", "own")[2]["reason"] = "seat_taken"


@planted("own_seat_misjudged")
def who_has_no_seat_is_told_that_it_is_his(told):
    told.entry_of("booking.closed", "b2")[2]["reason"] = "already_yours"


@planted("own_seat_misjudged")
def who_has_given_the_seat_back_is_told_that_it_is_still_his(told):
    told.book("b10", "hall", "A1")
    told.close("b10", "hall", "A1", "rejected", "already_yours", source="hold")


@planted("own_seat_misjudged")
def who_asks_for_any_seats_is_told_that_they_are_his(told):
    told.entry_of("booking.closed", "b6")[2]["reason"] = "already_yours"


@planted("seats_at_rest_wrong")
def a_failed_booking_keeps_its_seat(told):
    told.view(show="hall")["seats"]["A1"] = ["ON_GOING", "b1"]


@planted("seats_at_rest_wrong")
def a_confirmed_bookings_seat_is_open(told):
    told.view(show="hall")["seats"]["A2"] = ["OPEN", None]


@planted("seats_at_rest_wrong")
def a_seat_has_vanished(told):
    del told.view(show="hall")["seats"]["A4"]


@planted("read_wrong")
def a_seat_was_seen_with_somebody_who_had_closed_before(told):
    next(line for line in told.journal if "read" in line)["owned"]["A2"] = ["ON_GOING", "b1"]


@planted("read_wrong")
def a_seat_was_seen_with_somebody_who_had_not_asked_yet(told):
    next(line for line in told.journal if "read" in line)["owned"]["A3"] = ["ON_GOING", "b9"]


@planted("read_wrong")
def a_seat_was_seen_with_nobody_known(told):
    next(line for line in told.journal if "read" in line)["owned"]["A3"] = ["ON_GOING", "phantom"]


# ---- the log ----

@planted("logged_wrong")
def an_event_is_not_in_the_log(told):
    told.outside.remove(next(line for line in told.outside if line.get("event", [0])[0] == "lamp.on"))


@planted("logged_wrong")
def an_event_is_in_the_log_twice(told):
    told.outside.append(next(line for line in told.outside if "event" in line))


@planted("logged_wrong")
def the_log_has_an_event_that_nobody_said(told):
    told.outside.append({"event": ["lamp.on", "e2", "events", "1-0"]})


@planted("statistics_wrong")
def an_entry_is_not_counted(told):
    for stats in told.stats():
        stats["received"] -= 1
        stats["duplicate_dropped"] -= 1


@planted("statistics_wrong")
def the_sum_is_wrong(told):
    for stats in told.stats():
        stats["rejected"] += 1


@planted("statistics_wrong")
def two_aggregators_disagree(told):
    told.stats()[0]["bookings"]["CONFIRMED"] += 1


@planted("dead_letters_wrong")
def garbage_passes(told):
    told.streams.remove(next(line for line in told.streams if line[0] == "dead" and line[2]["reason"] == "invalid_field"))


@planted("dead_letters_wrong")
def a_good_request_is_dead(told):
    told.die(told.entry_of("booking.requested", "b3")[1], "hold", "gave_up")


@planted("dead_letters_wrong")
def a_booking_id_is_used_again_and_nobody_minds(told):
    told.streams.remove(next(line for line in told.streams if line[0] == "dead" and line[2]["reason"] == "booking_id_reused"))


# ---- the storm itself ----

@planted("fault_not_undone")
def a_fault_could_not_be_undone(told):
    told.journal.append({"t": 0, "fault": 1, "kind": "stop-redis", "state": "ended", "broken": None, "error": "it does not start"})


@planted("not_recovered")
def nothing_was_served_after_a_fault(told):
    told.journal.append({"t": told.now + 1, "fault": 1, "kind": "kill-redis", "state": "ended", "broken": told.now + 1, "length": 0})


@pytest.mark.parametrize("rule, spoil", PLANTED)
def test_a_planted_violation_is_found(rule, spoil, tmp_path):
    told = Told()
    spoil(told)
    found = broken_rules(told, tmp_path)
    assert rule in found, found


def test_every_rule_has_its_planted_violation():
    assert {rule.__name__ for rule in RULES} <= {param.values[0] for param in PLANTED}
