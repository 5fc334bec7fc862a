"""How long the stack took to serve again after each fault.

Recovered: of the probes that were sent after the fault's end one by each door is closed, and every step has settled everything that
was added before the fault's end. Other faults that come in between count: so what is measured is never less than what the fault
itself did. `alone` are those that nothing got in the way of; `since_last` counts from the end of the last fault in between."""
import bisect
import math
from collections import defaultdict, namedtuple

NEAR = 2000   # probes, or samples: some minutes
STILL_MS = 5  # Redis counts whole milliseconds, and its answer takes a moment

Recovery = namedtuple("Recovery", "n kind seconds since_last alone")  # seconds None: never


def find_well(start, probes, samples):
    """The first moment when all was well again after `start`; None if never.
    probes: (sent, closed, door); samples: (t, age ms or None), by t."""
    doors = {door for _, _, door in probes}
    first = [min((closed for sent, closed, by in probes if by == door and sent >= start), default=None) for door in doors]
    calm = next((t for t, age in samples if t >= start and age is not None and t - (age - STILL_MS) / 1000 >= start), None)
    return max([*first, calm]) if first and None not in (*first, calm) else None


def recover(n, kind, begin, end, spans, probes, samples):
    """spans: (begin, end) of all faults."""
    first_well = find_well(end, probes, samples)
    well, start = first_well, end
    while well is not None:
        later = [other_end for other, other_end in spans if other < well and other_end > start]
        if not later:
            break
        start = max(later)
        well = find_well(start, probes, samples)
    alone = first_well is not None and not any(other < first_well and other_end > begin for other, other_end in spans
                                               if (other, other_end) != (begin, end))
    return Recovery(n, kind, None if first_well is None else first_well - end, None if well is None else well - start, alone)


def recoveries(faults, probes, samples):
    """faults: (n, kind, begin, end); all times by one clock."""
    probes, spans = sorted(probes), [(begin, end) for _, _, begin, end in faults]
    sent, sampled = [probe[0] for probe in probes], [t for t, _ in samples]
    found = []
    for n, kind, begin, end in faults:
        near = probes[bisect.bisect_left(sent, end):][:NEAR]
        near_samples = samples[bisect.bisect_left(sampled, end):][:NEAR]
        found.append(recover(n, kind, begin, end, [span for span in spans if span[1] > begin], near, near_samples))
    return found


def percentile(values, share):
    values = sorted(values)
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else None


def by_kind(found):
    """{kind: (faults, p50, p99, max, how many alone, their max)}; the line of all comes last."""
    groups = defaultdict(list)
    for recovery in found:
        if recovery.seconds is not None:
            groups[recovery.kind].append(recovery)
            groups["all"].append(recovery)

    def line(group):
        times = [recovery.seconds for recovery in group]
        alone = [recovery.seconds for recovery in group if recovery.alone]
        return len(group), percentile(times, 0.5), percentile(times, 0.99), max(times), len(alone), max(alone, default=None)
    return {kind: line(groups[kind]) for kind in sorted(groups, key=lambda kind: (kind == "all", kind))}
