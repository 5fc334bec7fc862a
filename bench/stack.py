"""A private stack for one run of the benchmark: fresh servers, fresh data, free ports, gone afterwards.

Each run gets its own, so that no run pays for what an earlier one left behind (dead rows, a long append-only file).
"""
import contextlib
import os
import random
import re
import shutil
import socket
import subprocess
import tempfile
import urllib.request

import psycopg2
import redis

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PORTS_OF_A_STACK = 70


class Failed(Exception):
    """The run has no figures: said to the user without a traceback."""


def _is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port_base():
    bases = list(range(32100, 60000, PORTS_OF_A_STACK))
    random.shuffle(bases)
    return next(base for base in bases if all(_is_free(base + i) for i in range(PORTS_OF_A_STACK)))


class Stack:
    def __init__(self, bin_dir, **settings):
        self.run_dir = tempfile.mkdtemp(prefix="karcis-bench-")
        self.port_base = _free_port_base()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "PG_BIN") if name in os.environ}
        self.environment = {**kept, "RUN_DIR": self.run_dir, "PORT_BASE": str(self.port_base), "BIN_DIR": bin_dir,
                            **{name: str(value) for name, value in settings.items()}}

    def __enter__(self):
        try:
            self._command("up")
            env = dict(re.findall(r"^export (\w+)=(.*)$", self._text("env"), re.M))
            self.secrets = dict(re.findall(r"^(\w+)=(.*)$", self._text("secrets"), re.M))
            self.redis_port = self.port_base + 3
            self.redis = redis.Redis(port=self.redis_port, decode_responses=True)
            self.database_url = env["DATABASE_URL"]
            self.database = psycopg2.connect(self.database_url)
            self.database.autocommit = True
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with contextlib.suppress(AttributeError):
            self.database.close()
        self._command("clean", check=False)
        shutil.rmtree(self.run_dir, ignore_errors=True)

    def _command(self, *words, check=True):
        done = subprocess.run([f"{ROOT}/stack/stack", *words], env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if check and done.returncode:
            raise Failed(f"stack {' '.join(words)} ended with {done.returncode}:\n{done.stdout}")

    def add_programs(self, **counts):
        """TICKET_WORKERS=1, …: of a stack that was started with fewer."""
        self.environment.update({name: str(count) for name, count in counts.items()})
        self._command("up")

    def violations(self):
        """{rule of schema/invariants.sql: how often it does not hold}"""
        done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-f", f"{ROOT}/schema/invariants.sql", self.database_url],
                              stdout=subprocess.PIPE, text=True)
        rules = dict(line.split("|") for line in done.stdout.splitlines())
        if done.returncode or not rules:
            raise Failed("the invariants could not be checked")
        return {rule: int(count) for rule, count in rules.items() if count != "0"}

    def stats(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port_base + 2}/stats", timeout=30) as page:
            return page.read()

    def _text(self, path):
        with open(os.path.join(self.run_dir, path)) as file:
            return file.read()

    def pids(self):
        """{name: pid} of the servers and of each of our programs."""
        names = [name[:-4] for name in os.listdir(f"{self.run_dir}/pids")
                 if name.endswith(".pid") and not name.endswith(".supervisor.pid")]
        return {name: int(self._text(f"pids/{name}.pid")) for name in names}

    def sql(self, statement, *parameters):
        with self.database.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else None

    def make_show(self, show, seats):
        """Seats are labelled 1, 2, …; tidy, as they would be some minutes after the organizer made them."""
        self.sql("INSERT INTO ticketing.shows (show_id, title, amount, currency) VALUES (%s, 'bench', 125000, 'IDR')", show)
        self.sql("INSERT INTO ticketing.seats (show_id, label, position) SELECT %s, n::text, n FROM generate_series(1, %s) AS n",
                 show, seats)
        self.sql("VACUUM ANALYZE ticketing.seats")

    def checkpoint(self):
        """So that no run pays for writing another's pages, or its own seats, to disk."""
        admin = psycopg2.connect(host="127.0.0.1", port=self.port_base + 4, user="postgres", dbname="karcis",
                                 password=self.secrets["POSTGRES_PASSWORD"])
        admin.autocommit = True
        admin.cursor().execute("CHECKPOINT")
        admin.close()

    def metrics(self, name):
        """{metric with labels: value} of one of our programs."""
        kind, _, number = name.rpartition("-")
        port = self.port_base + {"ticket-worker": 9, "payment-worker": 29, "aggregator": 49}[kind] + int(number)
        if name == "aggregator-1":
            port = self.port_base + 2
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
            lines = page.read().decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line and line[0] != "#"}
