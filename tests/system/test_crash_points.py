"""The crash-point table: every step of every program dies, freezes or loses its connection at every boundary of its work.

The rows are made from what the programs say of themselves (--steps), so a new step has its rows before it has any other test.
Nothing in the programs helps: the points are socket calls, found by the bytes that pass (tests/faults/crash.c). Each step runs
in a process of its own here; what happens between steps of one process is the sweep's (test_crash_sweep.py)."""
import pytest

from crew import BOUNDARIES, WORKERS, Crew, Flow, steps_of

STEPS = {step: program for program in WORKERS for step, _ in steps_of(program)}

# What the outside sees of the point: the emit acknowledges, and nothing before it does.
IS_PENDING = {boundary: "emit" not in boundary or "before" in boundary for boundary in BOUNDARIES}

rows = [pytest.mark.parametrize("boundary", BOUNDARIES), pytest.mark.parametrize("step", STEPS)]


def of_each_step(test):
    for mark in rows:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def crews():
    """The crew that the rows share, if there is one."""
    crews = []
    yield crews
    for crew in crews:
        crew.end()


@pytest.fixture
def crew(crews, step, request):
    """Every other step has its worker. A row that failed may have spoilt the stack: the next one gets another."""
    if not crews:
        crews.append(Crew())
    crews[0].keep_running({(program, other) for other, program in STEPS.items() if other != step})
    yield crews[0]
    if request.node.report_call.failed:
        crews.pop().discard()


def reaches(step, boundary):
    return f"{step} comes to the point '{boundary}' (if the bookings of Flow give it nothing to do, add one that does)"


def start(crew, step, **settings):
    return crew.start(STEPS[step], STEPS=step, **settings)


@pytest.mark.parametrize("recovery", ["alone", "second"])
@of_each_step
def test_a_worker_killed_at_any_boundary_leaves_everything_done_once(crew, step, boundary, recovery):
    """alone: it is started again. second: another one works before it is."""
    victim = start(crew, step, CRASH_AT=f"kill {BOUNDARIES[boundary]()}").wait_ready()
    flow = Flow(crew.stack)
    victim.wait_killed(reaches(step, boundary))
    assert bool(victim.pending()) == IS_PENDING[boundary]
    if recovery == "second":
        second = start(crew, step)
        flow.wait_over()
    again = start(crew, step)
    flow.wait_over()
    again.end()
    if recovery == "second":
        second.end()
    assert not flow.check(), "nothing is said twice: it is said with its acknowledgement"
    crew.stack.check_at_rest()


@of_each_step
def test_a_worker_that_loses_its_connection_at_any_boundary_does_everything_once(crew, step, boundary):
    victim = start(crew, step, CRASH_AT=f"cut {BOUNDARIES[boundary]()}").wait_ready()
    flow = Flow(crew.stack)
    victim.wait_cut(reaches(step, boundary))
    flow.wait_over()
    victim.end()
    repeated = flow.check()
    assert not repeated or boundary == "in the emit", "only an emit without an answer is repeated"
    crew.stack.check_at_rest()


@of_each_step
def test_a_worker_frozen_at_any_boundary_does_no_harm_when_it_wakes_up(crew, step, boundary):
    victim = start(crew, step, CRASH_AT=f"stop {BOUNDARIES[boundary]()}", CLAIM_IDLE_MS=500).wait_ready()
    flow = Flow(crew.stack)
    victim.wait_stopped(reaches(step, boundary))
    assert bool(victim.pending()) == IS_PENDING[boundary]
    second = start(crew, step)
    flow.wait_over()
    victim.go_on()
    victim.end()
    second.end()
    flow.wait_over()
    flow.check()
    crew.stack.check_at_rest()
