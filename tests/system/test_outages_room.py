"""No room: on the disk of a table, on the disk of PostgreSQL's log, in Redis's memory. What was accepted stays, what cannot be
taken is refused, and everything goes on by itself once there is room."""
import os
import re
import shutil
import subprocess
import tempfile
import time

import pytest

from karcis import ENDED, wait_until
from load import REFUSED, SteadyLoad
from outages import all_are, freeze_with_something_in_hand, full, pids, run, superuser, wait_all_ready, wait_server

GROWING = ("ticketing.bookings", "payment.invoices", "payment.payments", "log.events")


def mount(folder, megabytes):
    os.makedirs(folder, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "karcis-test", folder)
    shutil.chown(folder, "postgres", "postgres")
    os.chmod(folder, 0o700)


@pytest.fixture
def small_disk(mounts):  # pylint: disable=unused-argument
    """A folder with 48 MB of room that PostgreSQL may use."""
    folder = tempfile.mkdtemp(prefix="karcis-disk-")
    mount(folder, 48)
    yield folder
    run("umount", folder)
    os.rmdir(folder)


def test_a_full_disk_under_the_tables_holds_up_but_loses_nothing(small_disk, own_stack, tell):
    stack = own_stack(TICKET_WORKERS=2, PAYMENT_WORKERS=2)
    with superuser(stack) as cursor:
        cursor.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
        for table in GROWING:
            cursor.execute(f"ALTER TABLE {table} SET TABLESPACE small")
    before = pids(stack)
    with SteadyLoad(stack) as load:
        with full(small_disk):
            for kind in ("ticket-worker", "aggregator"):
                wait_until(lambda: any("No space left on device" in stack.log(name) for name in stack.workers(kind)),
                           f"{kind} hears that there is no room", timeout=30)
            since = time.monotonic()
            load.wait_accepted(200, since)
            assert all_are(stack, 200, "/healthz")
            until = time.monotonic()
        seconds = load.recovery_s(until, within=20)
        wait_all_ready(stack)
    load.check()
    stack.check_at_rest()
    assert pids(stack) == before and stack.redis.xlen("dead") == 0, "no entry is to blame"
    tell(f"flows again after {seconds:.1f} s; {load.summary()}")
    with superuser(stack) as cursor:
        for table in GROWING:
            cursor.execute(f"ALTER TABLE {table} SET TABLESPACE pg_default")
        cursor.execute("DROP TABLESPACE small")


def move_wal(stack, folder):
    """PostgreSQL's log gets a disk of its own, on which there is room for two or three of its files."""
    stack.command("remove", "postgres")
    wal = f"{stack.run_dir}/postgres/data/pg_wal"
    shutil.copytree(wal, f"{folder}/wal", dirs_exist_ok=True)
    subprocess.run(["chown", "-R", "postgres:", f"{folder}/wal"], check=True)
    shutil.rmtree(wal)
    os.symlink(f"{folder}/wal", wal)
    stack.command("restart", "postgres")
    wait_server(stack, "postgres")
    wait_all_ready(stack)


def test_a_full_disk_under_postgres_log_stops_it_until_there_is_room(small_disk, own_stack, tell):
    stack = own_stack(TICKET_WORKERS=2, PAYMENT_WORKERS=2)
    move_wal(stack, small_disk)
    before = pids(stack)
    with SteadyLoad(stack) as load:
        with full(small_disk), superuser(stack) as cursor:
            with pytest.raises(Exception, match="(?i)closed|terminat|connection|No space"):
                for _ in range(20):
                    cursor.execute("SELECT pg_switch_wal(), pg_sleep(0.1)")
            wait_until(lambda: all_are(stack, 503, "/readyz", but=["publisher"]), "PostgreSQL is down")
            assert all_are(stack, 200, "/healthz")
            load.wait_accepted(200, time.monotonic())
            wait_until(lambda: re.findall(r"PANIC: .*No space left", stack.log("postgres")), "it says why")
            until = time.monotonic()
        wait_server(stack, "postgres")
        back = time.monotonic()
        seconds = load.recovery_s(until, within=30)
        wait_all_ready(stack)
    load.check()
    stack.expected_ends.update(("postgres", int(status)) for status in ENDED.findall(stack.log("postgres")))
    stack.check_at_rest()
    assert pids(stack) == before
    tell(f"PostgreSQL is back {back - until:.1f} s after there is room, the flow after {seconds:.1f} s; {load.summary()}")


def test_a_redis_without_memory_refuses_at_the_door_and_the_flow_drains(two, tell):
    """Even what a worker had in hand that dies meanwhile."""
    victim = "ticket-worker-1"
    with SteadyLoad(two) as load:
        memory = two.redis.config_get("maxmemory")["maxmemory"]
        freeze_with_something_in_hand(two, victim, "booking.requested", "hold")
        two.redis.config_set("maxmemory", 1)
        since = time.monotonic()
        try:
            two.kill(victim)
            wait_until(lambda: all(len(load.of(REFUSED, since, way)) > 20 for way in ("XADD", "POST")), "requests are refused")
            assert set(load.answers(since, time.monotonic())) <= {"503 broker_full", "503 overloaded"}, "Redis refuses, later the door"
            load.refusals(since, time.monotonic())
            assert all("OOM" in answer for answer in load.answers(since, time.monotonic(), "XADD"))
            two.wait_drained()
            drained = time.monotonic() - since
            two.wait_ready(victim)
        finally:
            two.redis.config_set("maxmemory", memory)
        seconds = load.recovery_s(time.monotonic())
    load.check()
    assert "entries taken over" in two.log(victim) + two.log("ticket-worker-2")
    tell(f"drained after {drained:.1f} s, flows again after {seconds:.1f} s; {load.summary()}")
