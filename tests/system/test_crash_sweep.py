"""Some points of the sweep (tests/faults/sweep), which visits all of them when it is run by hand or at night."""
import os
import re
import subprocess

import pytest

from karcis import BIN_DIR, ROOT


@pytest.mark.parametrize("deed, points", [("kill", 30), ("cut", 15), ("stop", 6)])
def test_a_worker_may_meet_its_fate_at_any_socket_call(deed, points, tell):
    done = subprocess.run([f"{ROOT}/tests/faults/sweep", "--deed", deed, "--points", str(points)],
                          env={**os.environ, "BIN_DIR": BIN_DIR}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=400)
    said = done.stdout
    assert done.returncode == 0, said
    fired = int(re.search(r"(\d+) fired, 0 violations", said).group(1))
    assert fired >= points * 0.8, said
    tell(said.splitlines()[-1])
