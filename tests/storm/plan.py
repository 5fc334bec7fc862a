"""The faults of a storm: which, when and for how long. Computed from the seed before anything starts, so that the same seed
gives the same storm, and so that the plan can be read, and cut down, beforehand."""
import random
from collections import namedtuple

# pick: a number in 0..1 that chooses the victim among those that are there when the time comes.
Fault = namedtuple("Fault", "n kind start length pick")

# How often, from how many seconds to how many. Kinds of length 0 are over at once; what they broke has to mend itself.
Kind = namedtuple("Kind", "weight shortest longest")
KINDS = {
    "kill-ticket-worker": Kind(4, 0, 0),
    "kill-payment-worker": Kind(3, 0, 0),
    "kill-aggregator": Kind(2, 0, 0),
    "kill-publisher": Kind(2, 0, 0),
    "freeze-ticket-worker": Kind(3, 1, 8),
    "freeze-payment-worker": Kind(2, 1, 8),
    "freeze-aggregator": Kind(1, 1, 8),
    "freeze-publisher": Kind(1, 1, 4),
    "terminate-ticket-worker": Kind(1, 0, 0),
    "terminate-payment-worker": Kind(1, 0, 0),
    "terminate-aggregator": Kind(1, 0, 0),
    "terminate-publisher": Kind(1, 0, 0),
    "add-ticket-worker": Kind(1, 2, 6),
    "add-payment-worker": Kind(1, 2, 6),
    "add-aggregator": Kind(1, 2, 6),
    "remove-ticket-worker": Kind(1, 2, 5),
    "remove-payment-worker": Kind(1, 2, 5),
    "kill-supervisor": Kind(1, 0.5, 2),
    "kill-redis": Kind(3, 0, 0),
    "freeze-redis": Kind(3, 1, 6),
    "freeze-redis-kill-workers": Kind(2, 1, 2),
    "stop-redis": Kind(1, 1, 4),
    "fill-redis": Kind(2, 2, 5),
    "cut-connections": Kind(2, 0, 0),
    "cut-some-connections": Kind(2, 0, 0),
    "destroy-group": Kind(2, 0, 0),
    "kill-postgres": Kind(3, 0, 0),
    "freeze-backends": Kind(2, 1, 6),
    "end-backends": Kind(2, 0, 0),
    "stop-postgres": Kind(1, 1, 4),
    "jump-ticket-worker": Kind(2, 1, 15),
    "jump-payment-worker": Kind(1, 1, 15),
    "jump-aggregator": Kind(1, 1, 15),
    "jump-publisher": Kind(1, 1, 15),
    "jump-redis": Kind(2, 1, 15),
    "jump-postgres": Kind(2, 1, 15),
    "drift-clocks": Kind(1, 5, 20),
    "flushall": Kind(1, 0, 0),
    "older-copy": Kind(1, 0, 0),
}
# Only these may make Redis forget what nobody had read yet. They are done only when asked for (--losses, or by name).
LOSES = {"flushall", "older-copy"}
# After a loss what was said last is found by time, so the servers' clocks must agree then (docs/guarantees.md): never with those.
SETS_SERVERS_CLOCKS = {"jump-redis", "jump-postgres", "drift-clocks"}
# What the stack's own script does, one command at a time: two of these never overlap.
BY_SCRIPT = {"add-ticket-worker", "add-payment-worker", "add-aggregator", "remove-ticket-worker", "remove-payment-worker",
             "kill-supervisor", "stop-redis", "stop-postgres", "older-copy"}

SLOT_S = 6.0          # one fault a slot, ten a minute; a long one runs into the next slot
JITTER = 0.25         # of a slot
TWO_AT_ONCE = 0.2     # share of slots with a second fault on top of the first
COPY_AGE_S = (5, 30)  # how old the copy is that Redis comes back with
JUMP_S_MAX = 300      # from one end to the other it is still less than a hold lasts
REDIS_JUMP_S_MAX = 90 # longer than an entry may be in hand; the checker is in doubt for as long as ids stay ahead
DRIFT_MAX = 0.1       # of the time that passes


def choose_kinds(only="", without="", losses=True):
    """The kinds of two comma lists; a name ending in * stands for all that begin so."""
    def matches(kind, names):
        return any(kind == name or name.endswith("*") and kind.startswith(name[:-1]) for name in names.split(",") if name)
    for name in filter(None, (only + "," + without).split(",")):
        if not any(matches(kind, name) for kind in KINDS):
            raise ValueError(f"no fault is called {name}: {', '.join(KINDS)}")
    unwanted = SETS_SERVERS_CLOCKS if losses else LOSES
    return [kind for kind in KINDS if (matches(kind, only) if only else kind not in unwanted) and not matches(kind, without)]


def make_plan(seed, seconds, kinds, slot_s=SLOT_S):
    """Faults in the order of their start; the last one is over before the storm's last two slots."""
    dice, plan = random.Random(f"plan {seed}"), []

    def add(start, among):
        kind = dice.choices(among, [KINDS[name].weight for name in among])[0]
        length = round(dice.uniform(KINDS[kind].shortest, KINDS[kind].longest), 2)
        plan.append(Fault(len(plan) + 1, kind, round(start, 2), length, round(dice.random(), 6)))
        return plan[-1]

    gentle = [kind for kind in kinds if kind not in BY_SCRIPT] or kinds
    script_until, slot = 0.0, 1
    while kinds and (slot + 2) * slot_s <= seconds:
        start = (slot + dice.uniform(0, JITTER)) * slot_s
        fault = add(start, kinds if start > script_until else gentle)
        if fault.kind in BY_SCRIPT:
            script_until = start + fault.length + 1
        if dice.random() < TWO_AT_ONCE:
            add(start + dice.uniform(0, max(fault.length, 0.5)), gentle)
        slot += 1
    return sorted(plan, key=lambda fault: fault.start)


def copy_age_s(fault):
    """How long before an older-copy fault its copy is taken."""
    return min(fault.start, COPY_AGE_S[0] + fault.pick * (COPY_AGE_S[1] - COPY_AGE_S[0]))


def jump_s(fault):
    """How far its victim's clock jumps: a second or minutes, forward or back; small jumps are as frequent as large ones."""
    digits = int(fault.pick * 1e6)
    return (-1) ** digits * (REDIS_JUMP_S_MAX if fault.kind == "jump-redis" else JUMP_S_MAX) ** (digits // 2 % 1000 / 999)


def print_plan(plan):
    for fault in plan:
        print(f"{fault.n:4}  at {fault.start:8.2f} s  for {fault.length:5.2f} s  {fault.kind}  (pick {fault.pick})")
