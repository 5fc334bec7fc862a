"""A setting that cannot be read stops a program at once, with exit code 100 and a line that names it."""
import os
import subprocess

import pytest

from karcis import BIN_DIR, PROGRAMS, SANITIZERS

WRONG = ["BATCH=abc", "BATCH=0", "BATCH=", "HOLD_TTL_S=5", "CLAIM_IDLE_MS=1e3", "PAYMENT_FAILURE_RATE=1.5", "PAYMENT_FAILURE_RATE=nan",
         "PAYMENT_MODE=cash", "LOG_LEVEL=loud", "EXACT_ORDER=yes", "REDIS_URL=http://127.0.0.1", "DATABASE_URL=postgres://[",
         "ADMIN_KEY_FILE=/no/such/file"]


def run(program, *words, **settings):
    """Nothing listens at port 1: a program that takes its settings would try for ever."""
    nowhere = {"REDIS_URL": "redis://127.0.0.1:1", "DATABASE_URL": "postgres://127.0.0.1:1/karcis", "HTTP_LISTEN": "127.0.0.1:0"}
    return subprocess.run([f"{BIN_DIR}/{program}", *words], env={**SANITIZERS, **nowhere, **settings}, timeout=10,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_wrong_setting_stops_every_program_with_100_and_its_name(program):
    for setting in WRONG:
        name, _, value = setting.partition("=")
        done = run(program, **{name: value})
        assert done.returncode == 100, f"{setting}: {done.returncode}\n{done.stdout}"
        assert name in done.stdout and len(done.stdout.splitlines()) == 1, f"{setting}:\n{done.stdout}"


@pytest.mark.parametrize("program", [program for program in PROGRAMS if program.endswith("worker")])
def test_steps_that_do_not_exist_stop_a_worker(program):
    done = run(program, STEPS="hold-everything")
    assert done.returncode == 100 and "STEPS" in done.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_names_every_setting_and_an_unknown_option_is_wrong(program):
    done = run(program, "--help")
    assert done.returncode == 0
    for name in ("REDIS_URL", "DATABASE_URL", "HTTP_LISTEN", "BATCH", "CLAIM_IDLE_MS", "PAYMENT_FAILURE_RATE"):
        assert name in done.stdout
    assert run(program, "--no-such-option").returncode == 100


def test_a_secret_can_be_read_from_a_file(tmp_path):
    secret = tmp_path / "url"
    secret.write_text("http://wrong\n")
    environment = {**SANITIZERS, "PATH": os.environ["PATH"], "REDIS_URL_FILE": str(secret)}
    done = subprocess.run([f"{BIN_DIR}/ticket-worker"], env=environment, timeout=10, capture_output=True, text=True)
    assert done.returncode == 100 and "REDIS_URL" in done.stderr
