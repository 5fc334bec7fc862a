"""The checker: what was seen from outside, held against every rule. It shares nothing with the stack but the streams' names."""
import rules
import rules_seats
from history import load
from lost import put_in_place
from recovery import recoveries

RULES = (rules.accepted_entry_lost, rules.refused_request_taken, rules.booking_without_request, rules.accepted_request_without_outcome,
         rules.several_outcomes, rules.view_disagrees, rules.another_content, rules.money_wrong, rules.link_paid_without_being_used,
         rules.logged_wrong, rules.statistics_wrong, rules.dead_letters_wrong, rules_seats.seat_owned_by_two,
         rules_seats.refused_although_free, rules_seats.own_seat_misjudged, rules_seats.seats_at_rest_wrong, rules_seats.read_wrong)

RECOVERED_S = 60        # beyond this, it is not slow but broken
MEMORY_MAX = 400 << 20  # of one program of ours, resident; the release build
DESCRIPTORS_MORE = 20   # in the end, beyond what it had when the storm began


def check(history):
    """[(rule, example)] of everything that is wrong."""
    return [(rule.__name__, example) for rule in RULES for example in rule(history)]


def measure(history):
    probes = []
    for op in history.ops.values():
        fields = op.get("fields", {})
        if op["kind"] == "probe" and fields["booking_id"] in history.probe_times:
            probes.append((op["t"], history.probe_times[fields["booking_id"]], op["via"]))
    faults = sorted((line["broken"] + line["length"] if line.get("length") else line["broken"], line["fault"], line["kind"], line["broken"])
                    for line in history.faults if line.get("state") == "ended" and line.get("broken"))
    undone = {line["fault"]: line["t"] for line in history.faults if line.get("state") == "ended"}
    spans = []
    for end, n, kind, broken in faults:
        spans.append((n, kind, broken, max(end, undone[n]) if end > broken else broken))
    return recoveries(sorted(spans, key=lambda span: span[3]), probes, [(t, age) for t, age, _ in history.samples])


def check_recovery(found):
    for recovery in found:
        if recovery.since_last is None or recovery.since_last > RECOVERED_S:
            after = "never" if recovery.since_last is None else f"{recovery.since_last:.1f} s after the last fault in between"
            yield f"fault {recovery.n} ({recovery.kind}): recovered {after}"


def check_resources(history, is_release=True):
    """Neither memory nor descriptors grow."""
    used = [sample for _, _, sample in history.samples if sample]
    if not used:
        return
    first, last = {}, used[-1]
    for sample in used[:5]:
        for name, (_, _, descriptors) in sample.items():
            first.setdefault(name.rstrip("-0123456789"), descriptors)
    for name, (_, memory, descriptors) in last.items():
        kind = name.rstrip("-0123456789")
        if kind in ("redis", "postgres"):
            continue
        if is_release and memory > MEMORY_MAX:
            yield f"{name} has {memory >> 20} MiB in the end"
        if descriptors > first.get(kind, descriptors) + DESCRIPTORS_MORE:
            yield f"{name} has {descriptors} descriptors in the end, {first[kind]} in the beginning"


def judge(folder, is_release=True):
    """(history, recoveries, violations) of a storm's folder."""
    history = load(folder)
    if history.losses:
        put_in_place(history)
    found = measure(history)
    violations = check(history)
    violations += [("fault_not_undone", f"fault {line['fault']} ({line['kind']}): {line['error']}")
                   for line in history.faults if line.get("error")]
    violations += [("not_recovered", text) for text in check_recovery(found)]
    violations += [("grows", text) for text in check_resources(history, is_release)]
    return history, found, violations
