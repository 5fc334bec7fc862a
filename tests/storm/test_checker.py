"""What the checker forgives where Redis was made to lose entries, and how it measures; and that plans are what they should be."""
import pytest

from check import check_resources
from history import History
from plan import JUMP_S_MAX, KINDS, choose_kinds, jump_s, make_plan
from recovery import by_kind, recoveries
from test_planted import (a_booking_stays_held, a_request_is_forgotten, a_seat_is_sold_twice, a_seat_was_seen_with_nobody_known,
                          a_seat_was_seen_with_somebody_who_had_closed_before, a_seat_was_seen_with_somebody_who_had_not_asked_yet,
                          broken_rules)
from told import Told


# ---- what is forgiven where Redis lost entries, and what is not ----

def with_loss(told, booking, kind="flushall"):
    """Redis was emptied just after this booking was asked for."""
    at = int(told.entry_of("booking.requested", booking)[1].split("-")[0]) + 500
    told.journal.append({"t": 0, "loss": kind, "fault": 1, "since_ms": at - 1000, "until_ms": at})


def test_a_request_that_nobody_had_read_may_be_lost_with_redis(tmp_path):
    told = Told()
    a_request_is_forgotten(told)
    with_loss(told, "b8")
    assert broken_rules(told, tmp_path) == {}


def test_a_request_that_was_asked_after_the_loss_may_not(tmp_path):
    told = Told()
    a_request_is_forgotten(told)
    with_loss(told, "b5", "older-copy")
    assert set(broken_rules(told, tmp_path)) == {"accepted_request_without_outcome"}


class ToldOfAThief(Told):
    """Somebody asked for a booking, and somebody else, under the same id, got it."""

    def story(self):
        self.book("b0", "hall", "A4")
        self.book("b0", "hall", "A4", user="thief")
        self.hold("b0", "hall", "A4", 1000, user="thief")
        self.pay("b0", "hall", "A4", 1000, "failed", user="thief")
        super().story()


def test_the_id_of_a_request_that_was_lost_with_redis_may_be_used_again(tmp_path):
    told = ToldOfAThief()
    assert "dead_letters_wrong" in broken_rules(told, tmp_path)
    with_loss(told, "b0")
    assert broken_rules(told, tmp_path) == {}


def test_an_id_that_is_used_again_after_a_loss_dies_if_the_first_has_the_booking(tmp_path):
    told = Told()
    told.streams.remove(next(line for line in told.streams if line[0] == "dead" and line[2]["reason"] == "booking_id_reused"))
    with_loss(told, "b3")
    assert "dead_letters_wrong" in broken_rules(told, tmp_path)


def test_a_booking_that_was_held_may_not_be_lost_with_redis(tmp_path):
    told = Told()
    a_booking_stays_held(told)
    with_loss(told, "b3")
    assert "accepted_request_without_outcome" in broken_rules(told, tmp_path)


def test_a_seat_may_not_be_sold_twice_even_when_redis_lost_entries(tmp_path):
    told = Told()
    a_seat_is_sold_twice(told)
    with_loss(told, "b3")
    assert "seat_owned_by_two" in broken_rules(told, tmp_path)


def test_an_ending_that_was_lost_with_redis_counts_when_it_is_in_the_log(tmp_path):
    told = Told()
    told.streams.remove(told.entry_of("booking.closed", "b3"))
    told.view(booking="b3")["shown"].update(show="hall", user="ayu", seats=["A2"])
    with_loss(told, "b3", "older-copy")
    assert broken_rules(told, tmp_path) == {}


def test_an_ending_that_was_lost_with_redis_and_from_the_log_does_not(tmp_path):
    told = Told()
    told.drop("booking.closed", "b3")
    with_loss(told, "b3", "older-copy")
    assert set(broken_rules(told, tmp_path)) == {"accepted_request_without_outcome"}


# ---- what is in doubt while Redis has a wrong clock, and what is not ----

def with_wrong_clock(told):
    """From long before until long after."""
    told.journal.append({"t": 0, "clock": "redis", "fault": 1, "since_ms": 0, "until_ms": 10**15})


@pytest.mark.parametrize("spoil", [a_seat_was_seen_with_somebody_who_had_closed_before, a_seat_was_seen_with_somebody_who_had_not_asked_yet])
def test_ids_of_a_wrong_clock_do_not_tell_when_something_was(spoil, tmp_path):
    told = Told()
    spoil(told)
    with_wrong_clock(told)
    assert broken_rules(told, tmp_path) == {}


@pytest.mark.parametrize("spoil, rule", [(a_seat_is_sold_twice, "seat_owned_by_two"), (a_booking_stays_held, "accepted_request_without_outcome"),
                                         (a_seat_was_seen_with_nobody_known, "read_wrong")])
def test_a_wrong_clock_excuses_nothing_else(spoil, rule, tmp_path):
    told = Told()
    spoil(told)
    with_wrong_clock(told)
    assert rule in broken_rules(told, tmp_path)


# ---- recovery, resources, the plan ----

def test_clocks_jump_forward_and_back_by_seconds_and_minutes():
    jumps = [jump_s(fault) for fault in make_plan(7, 36000, ["jump-publisher"])]
    for way in (1, -1):
        sizes = [way * jump for jump in jumps if way * jump > 0]
        assert 1 <= min(sizes) < 5 and 60 < max(sizes) <= JUMP_S_MAX


def test_recovery_counts_from_the_faults_end_to_the_first_probe_and_a_settled_backlog():
    probes = [(9.9, 10.1, "xadd"), (10.5, 12.0, "xadd"), (11.0, 12.5, "xadd")]
    samples = [(10.1, 200), (11.0, 1200), (12.1, 0), (13.0, 0)]
    (found,) = recoveries([(1, "kill-redis", 8.0, 10.0)], probes, samples)
    assert (round(found.seconds, 3), found.alone) == (2.1, True)


def test_recovery_needs_both_doors():
    probes, samples = [(10.1, 10.2, "xadd"), (10.4, 13.0, "post")], [(10.3, 0)]
    (found,) = recoveries([(1, "kill-publisher", 10.0, 10.0)], probes, samples)
    assert round(found.seconds, 3) == 3.0


def test_recovery_goes_on_while_another_fault_is_in_the_way():
    probes = [(10.5, 12.0, "xadd"), (15.5, 15.7, "xadd")]
    samples = [(n / 4, 0) for n in range(40, 80)]
    first, _ = recoveries([(1, "kill-redis", 10.0, 10.0), (2, "freeze-redis", 11.0, 15.0)], probes, samples)
    assert (round(first.seconds, 3), round(first.since_last, 3), first.alone) == (2.0, 0.7, False)
    assert by_kind([first])["all"][:2] == (1, first.seconds)


def test_a_backlog_that_is_older_than_the_fault_is_no_recovery():
    (found,) = recoveries([(1, "kill-ticket-worker", 10.0, 10.0)], [(10.1, 10.2, "xadd")], [(10.2, 300), (13.1, 3400), (13.4, 10)])
    assert round(found.seconds, 3) == 3.4


def test_a_program_that_keeps_descriptors_is_found():
    history = History()
    history.samples = [(0, 0, {"publisher": [1, 1 << 20, 20]}), (9, 0, {"publisher": [1, 1 << 20, 90]})]
    assert list(check_resources(history))


def test_the_same_seed_gives_the_same_plan_and_another_seed_another():
    kinds = choose_kinds()
    assert make_plan(7, 1800, kinds) == make_plan(7, 1800, kinds) != make_plan(8, 1800, kinds)


def test_half_an_hour_has_three_hundred_faults_of_every_kind():
    seen = set()
    for losses in (False, True):
        kinds = choose_kinds(losses=losses)
        plan = make_plan(7, 1800, kinds)
        assert len(plan) >= 300 and {fault.kind for fault in plan} == set(kinds)
        seen.update(kinds)
    assert seen == set(KINDS)
    assert any(second.start < first.start + first.length for first, second in zip(plan, plan[1:]))


def test_kinds_are_chosen_by_name_or_beginning():
    assert set(choose_kinds("kill-*", "kill-redis")) == {kind for kind in KINDS if kind.startswith("kill-")} - {"kill-redis"}
    with pytest.raises(ValueError):
        choose_kinds("kill-everything")
