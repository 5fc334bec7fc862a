"""The stacks that tests run on: one for all tests that leave a healthy stack behind, others of a test's own."""
import os

import pytest

import outages
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


@pytest.fixture
def tell(request):
    """tell(text): a measurement that the summary shows. It travels with the test's report, from another process too."""
    return lambda text: request.node.user_properties.append(("told", f"{request.node.name}: {text}"))


def pytest_terminal_summary(terminalreporter):
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, line in getattr(report, "user_properties", []):
                if name == "told" and report.when == "call":
                    terminalreporter.write_line(line)


STACKS = {"one": {}, "two": {"TICKET_WORKERS": 2, "PAYMENT_WORKERS": 2, "BATCH": 20}}


@pytest.fixture(scope="session")
def shared():
    """{kind: the stack of that kind that tests share}; started when it is first wanted."""
    stacks = {}
    yield stacks
    for kind in list(stacks):
        stacks.pop(kind).end()


def lend(shared, kind, request):
    """Everybody leaves the stack as he found it; a test that failed may not have, so the next one gets another."""
    if kind not in shared:
        shared[kind] = Stack.start(**STACKS[kind])
    yield shared[kind]
    try:
        assert not request.node.report_call.failed
        shared[kind].check_at_rest()
    except BaseException:
        shared.pop(kind).down()
        if not request.node.report_call.failed:
            raise


@pytest.fixture
def stack(shared, request):
    """One worker of each kind, no payment declined."""
    yield from lend(shared, "one", request)


@pytest.fixture
def two(shared, request):
    """Two workers of each kind, for tests in which one takes over from the other."""
    yield from lend(shared, "two", request)


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


@pytest.fixture
def network():
    """What the test starts is alone in a network that can be cut."""
    with outages.own_network():
        yield


@pytest.fixture
def mounts():
    """Nobody else sees what the test mounts."""
    with outages.own_mounts():
        yield
