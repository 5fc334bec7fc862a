"""What processes have used: processor time and memory, from /proc."""
import os

TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")
PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20


def _stat(pid):
    """The fields of /proc/PID/stat behind the name, which may hold anything; None when the process is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def children(pid):
    return [int(other) for other in os.listdir("/proc") if other.isdigit() and (_stat(other) or [0, 0])[1] == str(pid)]


def _used_us(pid, with_ended_children):
    stat = _stat(pid)
    return sum(map(int, stat[11:15 if with_ended_children else 13])) * TICK_US if stat else 0


def cpu_us(pid, is_tree=False):
    """Of all threads, and of ended children that were waited for; of a tree also its living children (PostgreSQL's)."""
    living = sum(_used_us(child, True) for child in children(pid)) if is_tree else 0
    return _used_us(pid, True) + living


def machine_us():
    """All processors' time that was not idle, whoever used it; and time that a hypervisor took."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq) * TICK_US, steal * TICK_US


def rss_mib(pid):
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * PAGE_MIB
    except (FileNotFoundError, ProcessLookupError):
        return 0


class Meter:
    """Processor time of each process of a stack between start() and stop(), and memory at each look() between them."""

    def __init__(self, pids):
        self.pids = pids
        self.rss = {name: [] for name in pids}

    def _all(self):
        return {name: cpu_us(pid, is_tree=name == "postgres") for name, pid in self.pids.items()}, machine_us()

    def start(self):
        self.begun, self.machine = self._all()

    def used_us(self):
        """{name: microseconds} so far."""
        return self._all()[0]

    def look(self):
        for name, pid in self.pids.items():
            self.rss[name].append(rss_mib(pid))

    def stop(self):
        """{name: microseconds} of the stack; of everybody on the machine; taken by the hypervisor."""
        used, machine = self._all()
        return ({name: used[name] - self.begun[name] for name in used}, machine[0] - self.machine[0],
                machine[1] - self.machine[1])

    def memory(self):
        """Of each process: the most, and how much it grew in the second half."""
        return {name: {"max": round(max(rss), 1), "grew": round(rss[-1] - max(rss[:len(rss) // 2 + 1]), 1)}
                for name, rss in self.rss.items() if rss}
