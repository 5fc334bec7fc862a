"""The stacks that tests run on: one for all tests that leave a healthy stack behind, others of a test's own."""
import os
import subprocess

import pytest

from karcis import BIN_DIR, PROGRAMS, Stack, clean_up_after_killed_runs


def pytest_sessionstart():
    missing = [name for name in PROGRAMS if not os.access(f"{BIN_DIR}/{name}", os.X_OK)]
    if missing:
        pytest.exit(f"{', '.join(missing)} missing in {BIN_DIR}: make check-build", returncode=2)
    clean_up_after_killed_runs()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what the programs said."""
    report = (yield).get_result()
    setattr(item, f"report_{report.when}", report)
    if report.failed:
        for stack in Stack.running:
            for name in stack.names():
                report.sections.append((f"the end of {name}.log", stack.tail(name)))


told = []


@pytest.fixture
def tell(request):
    """tell(text): a measurement that the summary shows."""
    return lambda text: told.append(f"{request.node.name}: {text}")


def pytest_terminal_summary(terminalreporter):
    for line in told:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def shared():
    """Holds the stack that tests share; a test that failed may have left it unwell, so the next one gets another."""
    holder = {"stack": None}
    yield holder
    if holder["stack"]:
        holder["stack"].end()


@pytest.fixture
def stack(shared, request):
    """One worker of each kind, no payment declined."""
    if not shared["stack"]:
        shared["stack"] = Stack.start()
    stack = shared["stack"]
    yield stack
    try:
        if not request.node.report_call.failed:
            stack.check_at_rest()
            return
    except BaseException:
        drop(shared)
        raise
    drop(shared)


def drop(shared):
    stack, shared["stack"] = shared["stack"], None
    stack.down()


@pytest.fixture
def own_stack():
    """own_stack(TICKET_WORKERS=2) starts a stack that only this test uses."""
    stacks = []

    def start_own(**settings):
        stacks.append(Stack.start(**settings))
        return stacks[-1]

    yield start_own
    for stack in stacks:
        stack.end()
