"""How long the stack took to serve again after each fault.

Recovered: of the probes that were sent after the fault's end one by each door is closed, and every step has settled everything that was added before the
fault's end. When another fault gets in the way before that, the clock starts anew at its end: what is measured is always from the
last thing that was broken until all is well."""
import math
from collections import defaultdict, namedtuple

STILL_MS = 5  # Redis counts whole milliseconds, and its answer takes a moment

Recovery = namedtuple("Recovery", "n kind seconds mixed")  # mixed: others were in the way; seconds None: never


def find_recovery(end, faults, probes, samples):
    """(when all was well again after `end`, the end that it is counted from, whether others were in the way).
    faults: (begin, end); probes: (sent, closed, door); samples: (t, age ms or None), by t."""
    doors = {door for _, _, door in probes}
    start, mixed = end, False
    while True:
        first = [min((closed for sent, closed, by in probes if by == door and sent >= start), default=None) for door in doors]
        served = max(first) if first and None not in first else None
        calm = next((t for t, age in samples if t >= start and age is not None and t - (age - STILL_MS) / 1000 >= start), None)
        if served is None or calm is None:
            return None, start, mixed
        well = max(served, calm)
        later = [fault_end for begin, fault_end in faults if begin < well and fault_end > start]
        if not later:
            return well, start, mixed
        start, mixed = max(later), True


def recoveries(faults, probes, samples):
    """faults: (n, kind, begin, end) in the order of their ends; all times by one clock."""
    probes, spans = sorted(probes), [(begin, end) for _, _, begin, end in faults]
    found = []
    for n, kind, _, end in faults:
        near = [probe for probe in probes if probe[0] >= end - 1]
        near_samples = [(t, age) for t, age in samples if t >= end - 1][:1200]
        well, start, mixed = find_recovery(end, [span for span in spans if span[1] > end - 1], near[:2000], near_samples)
        found.append(Recovery(n, kind, None if well is None else well - start, mixed))
    return found


def percentile(values, share):
    values = sorted(values)
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else None


def by_kind(found):
    """{kind: (faults, p50, p99, max)} of those that nothing got in the way of; the line of all, the others too, comes last."""
    groups = defaultdict(list)
    for recovery in found:
        if recovery.seconds is not None:
            groups["all"].append(recovery.seconds)
            if not recovery.mixed:
                groups[recovery.kind].append(recovery.seconds)
    order = sorted(groups, key=lambda kind: (kind == "all", kind))
    return {kind: (len(groups[kind]), percentile(groups[kind], 0.5), percentile(groups[kind], 0.99), max(groups[kind])) for kind in order}
