"""A stack whose processes have wall clocks of their own, which a test sets while they run (tests/faults/clock.c). What only ever
goes on, the monotonic clock, nobody touches."""
import os
import struct

from karcis import BIN_DIR, ROOT, Stack

SHIMS = [f"{build}/tests/faults/clock.so" for build in (os.path.dirname(BIN_DIR), f"{ROOT}/build")]
SERVERS = {"redis": "redis-server", "postgres": "postgres"}  # all processes of a server have its clock
KINDS = ("ticket-worker", "payment-worker", "aggregator")
EACH_MAX = 20  # stack/lib/settings.sh


class ClockedStack(Stack):
    def __init__(self, **settings):
        """The shim comes before a sanitizer's library here, which has to be told that this is meant."""
        shim = next(filter(os.path.exists, SHIMS), None)
        assert shim, f"{SHIMS[0]} is missing: make check-build, or make faults-build"
        super().__init__(**settings)
        self.clocks = f"{self.run_dir}/clocks"
        self.settings.update(LD_PRELOAD=shim, CLOCK_DIR=self.clocks, ASAN_OPTIONS="detect_leaks=1:exitcode=66:verify_asan_link_order=0")
        self._make_clocks()

    def _make_clocks(self):
        """All that may ever be started finds one. PostgreSQL has a user of its own: it may go through to its clock."""
        os.chmod(self.run_dir, 0o711)
        with open(f"{self.run_dir}/lock", "w", encoding="ascii"):
            pass  # the folder is a stack's
        os.mkdir(self.clocks, 0o755)
        self.clock_names = ["publisher", *SERVERS, *(f"{kind}-{n}" for kind in KINDS for n in range(1, EACH_MAX + 1))]
        for name in (SERVERS.get(name, name) for name in self.clock_names):
            with open(f"{self.clocks}/{name}", "wb") as file:
                file.write(struct.pack("=q", 0))

    def set_clock(self, name, seconds):
        """So far ahead is its clock from now on; behind, if less than 0."""
        fd = os.open(f"{self.clocks}/{SERVERS.get(name, name)}", os.O_WRONLY)
        try:
            os.pwrite(fd, struct.pack("=q", round(seconds * 1e6)), 0)  # one aligned word: seen whole
        finally:
            os.close(fd)
