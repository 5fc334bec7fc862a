"""Taking things away from a stack, and giving them back: servers, the network, room."""
import contextlib
import ctypes
import glob
import os
import signal
import subprocess
import time

import psycopg2
import pytest

from karcis import ENDED, wait_until

SERVERS = ("redis", "postgres")
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
RECOVERY_S = 10  # after the end of an outage everything works again within


def programs(stack):
    return [name for name in stack.names() if name not in SERVERS and stack.pid(name)]


def pids(stack):
    """{program: its process}: the same before and after an outage, for no program needs to be restarted."""
    return {name: stack.pid(name) for name in programs(stack)}


def statuses(stack, path, but=()):
    """{program: the status of its answer}"""
    return {name: stack.http("GET", stack.port(name), path)[0] for name in programs(stack) if name not in but}


def all_are(stack, status, path, but=()):
    others = {name: answer for name, answer in statuses(stack, path, but).items() if answer != status}
    assert not others, f"{path}: {others}"
    return True


def wait_all_ready(stack, within=RECOVERY_S):
    wait_until(lambda: all_are(stack, 200, "/readyz"), "all programs are ready", timeout=within)


def watch(stack, seconds, unready_within, ready=()):
    """For so long every program is alive, and after a moment none but `ready` says that it can work."""
    end = time.monotonic() + seconds
    wait_until(lambda: all_are(stack, 503, "/readyz", but=ready), "nobody says that it can work", timeout=unready_within)
    since = time.monotonic()
    while time.monotonic() < end:
        alive, answers = statuses(stack, "/healthz"), statuses(stack, "/readyz")
        assert set(alive.values()) == {200}, alive
        assert answers == {name: 200 if name in ready else 503 for name in answers}
        time.sleep(0.3)
    return since


# ---- servers ----

def processes(stack, name):
    """All processes of it; those of PostgreSQL work in its data folder."""
    first = stack.pid(name)
    if name != "postgres":
        return [first]
    data = os.path.realpath(f"{stack.run_dir}/postgres/data")
    found = [first]
    for cwd in glob.glob("/proc/[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if os.readlink(cwd) == data:
                found.append(int(cwd.split("/")[2]))
    return list(dict.fromkeys(found))


def send_all(numbers, number):
    for pid in numbers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@contextlib.contextmanager
def killed(stack, name):
    """Killed like by a power cut, and kept down by holding its supervisor."""
    supervisor = stack.supervisor(name)
    os.kill(supervisor, signal.SIGSTOP)
    try:
        stack.expected_ends[name, 137] += 1
        send_all(processes(stack, name), signal.SIGKILL)
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)
    wait_back(stack, name)


@contextlib.contextmanager
def frozen(stack, name):
    """It hears nobody, but its connections stand."""
    stopped = processes(stack, name)
    send_all(stopped, signal.SIGSTOP)
    try:
        yield
    finally:
        send_all(stopped, signal.SIGCONT)
    wait_back(stack, name)


def freeze_with_something_in_hand(stack, name, stream, group):
    """Under load. One that was frozen just when it had nothing in hand, and asked for nothing, is thawed and frozen again."""
    def is_caught():
        stack.signal(name, signal.SIGSTOP)
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            if stack.pending(stream, group).get(stack.consumer(name)):
                return True
            time.sleep(0.01)
        stack.signal(name, signal.SIGCONT)
    wait_until(is_caught, f"{name} has something of {stream} in hand")


def wait_back(stack, name):
    if name in SERVERS:
        wait_server(stack, name)
    else:
        stack.wait_ready(name)


def terminate_together(stack, names):
    """SIGTERM to all of them. {program: (exit status, seconds)}; their supervisors start them again."""
    before = {name: len(ENDED.findall(stack.log(name))) for name in names}
    started, ended = time.monotonic(), {}

    def have_ended():
        for name in names:
            statuses_of = ENDED.findall(stack.log(name))[before[name]:]
            if statuses_of and name not in ended:
                ended[name] = int(statuses_of[0]), time.monotonic() - started
        return len(ended) == len(names)

    for name in names:
        stack.signal(name, signal.SIGTERM)
        stack.expected_ends[name, 0] += 1
    wait_until(have_ended, "all have ended", timeout=20)
    return ended


def wait_server(stack, server):
    """Ready again. What the test itself had connected is connected anew."""
    def is_ready():
        stack.database.close()
        with contextlib.suppress(Exception):
            stack.connect()
            return stack.redis.ping()
    wait_until(is_ready, f"{server} is back", timeout=60)


# The bookings whose requests the step hold has not read; with an argument, they and everything else are gone then. A stream
# without the group is one that nobody has read.
UNREAD = """
local read, unread = '0-0', {}
if redis.call('EXISTS', KEYS[1]) == 1 then
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local is = {}
    for i = 1, #group, 2 do is[group[i]] = group[i + 1] end
    if is['name'] == 'hold' then read = is['last-delivered-id'] end
  end
  for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. read, '+')) do
    for i = 1, #entry[2], 2 do if entry[2][i] == 'booking_id' then unread[#unread + 1] = entry[2][i + 1] end end
  end
end
if ARGV[1] then redis.call('FLUSHALL') end
return unread
"""


def unread(stack):
    return stack.redis.eval(UNREAD, 1, "booking.requested")


def forget_everything(stack):
    """FLUSHALL. The bookings whose requests nobody had read at that very moment."""
    return stack.redis.eval(UNREAD, 1, "booking.requested", "FLUSHALL")


@contextlib.contextmanager
def superuser(stack):
    """A cursor with all rights."""
    connection = psycopg2.connect(stack.role_url("postgres"))
    connection.autocommit = True
    try:
        yield connection.cursor()
    finally:
        connection.close()


# ---- the network and the mounts of a test's own ----

def _libc(name, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


@contextlib.contextmanager
def namespace(kind, flag):
    """This thread, and all that it starts from now on, gets a namespace of its own, which is gone with the last of them."""
    before, folder = os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY), os.getcwd()
    try:
        try:
            _libc("unshare", flag)
        except OSError as error:
            pytest.skip(f"needs root and a kernel with namespaces: {error}")
        try:
            yield
        finally:
            _libc("setns", before, flag)
            os.chdir(folder)
    finally:
        os.close(before)


def run(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
    assert done.returncode == 0, f"{words}: {done.stdout}"


@contextlib.contextmanager
def own_network():
    """A loopback of the test's own, with its own firewall: the machine's is not touched."""
    with namespace("net", CLONE_NEWNET):
        try:
            run("ip", "link", "set", "lo", "up")
            run("nft", "add table inet outage; add chain inet outage drops { type filter hook input priority 0; }")
        except (OSError, AssertionError) as error:
            pytest.skip(f"needs ip and nft, and a kernel that has nf_tables: {error}")
        yield


@contextlib.contextmanager
def own_mounts():
    """Nobody else sees what the test mounts."""
    with namespace("mnt", CLONE_NEWNS):
        run("mount", "--make-rprivate", "/")
        yield


@contextlib.contextmanager
def cut(stack, server):
    """The network swallows every packet from and to the server, without a word. It is still reached as 127.0.0.2."""
    port = stack.port_base + {"redis": 3, "postgres": 4}[server]
    run("nft", f"add rule inet outage drops ip daddr 127.0.0.1 tcp dport {port} drop; "
               f"add rule inet outage drops ip saddr 127.0.0.1 tcp sport {port} drop")
    try:
        yield
    finally:
        run("nft", "flush chain inet outage drops")
    wait_server(stack, server)


@contextlib.contextmanager
def full(folder):
    """A file takes all the room that the folder's disk has left."""
    ballast = f"{folder}/ballast"
    with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(65536))
    try:
        yield
    finally:
        os.unlink(ballast)
