"""The report of a storm, as Markdown."""
import os
import platform
import subprocess
import time
from collections import Counter, defaultdict

from history import count_kinds
from karcis import BIN_DIR, ROOT
from plan import SLOT_S
from recovery import by_kind

EXAMPLES = 5
AIM_P99_S = 10


def commit():
    done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.strip() or "unknown"


def memory_gib():
    with open("/proc/meminfo", encoding="ascii") as file:
        return int(file.readline().split()[1]) / 1024 ** 2


def command_of(options):
    words = [] if os.environ.get("FLAVOUR", "release") == "release" else [f"FLAVOUR={os.environ['FLAVOUR']}"]
    words += [f"tests/storm/run --seed {options.seed} --minutes {options.minutes:g} --rate {options.rate:g}"]
    words += [f"--every {options.every:g}"] if options.every != SLOT_S else []
    words += [f"--faults '{options.faults}'"] if options.faults else []
    words += [f"--without '{options.without}'"] if options.without else []
    words += ["--losses"] if options.losses else []
    return " ".join(words)


def table(head, rows):
    return "\n".join([f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"] + [f"| {' | '.join(map(str, row))} |" for row in rows])


def seconds(value):
    return "–" if value is None else f"{value:.2f}"


def operations(history):
    rows = []
    for (kind, how), outcomes in sorted(count_kinds(history).items()):
        rows.append((kind, how, sum(outcomes.values()), outcomes["accepted"], outcomes["refused"], outcomes["unknown"]))
    rows.append(("all", "", *(sum(row[i] for row in rows) for i in range(2, 6))))
    return table(("operation", "by", "sent", "accepted", "refused", "no answer"), rows)


def fault_table(history, recoveries):
    times = by_kind(recoveries)
    done = Counter(line["kind"] for line in history.faults if line.get("state") == "ended" and line.get("broken"))
    skipped = Counter(line["kind"] for line in history.faults if line.get("state") == "ended" and not line.get("broken"))
    rows = []
    for kind in sorted(done | skipped):
        _, *numbers, alone, alone_max = times.get(kind, (0, None, None, None, 0, None))
        rows.append((kind, done[kind], skipped[kind], *("" if number is None else seconds(number) for number in numbers), alone,
                     seconds(alone_max) if alone else ""))
    if "all" in times:
        _, *numbers, alone, alone_max = times["all"]
        rows.append(("**all**", sum(done.values()), sum(skipped.values()), *map(seconds, numbers), alone, seconds(alone_max)))
    return table(("fault", "done", "skipped", "p50 s", "p99 s", "max s", "alone", "max s alone"), rows)


def violation_text(violations):
    if not violations:
        return "None."
    by_rule = defaultdict(list)
    for rule, example in violations:
        by_rule[rule].append(example)
    lines = []
    for rule, examples in sorted(by_rule.items()):
        lines.append(f"- **{rule}**: {len(examples)}")
        lines += [f"    - {example[:600]}" for example in examples[:EXAMPLES]]
    return "\n".join(lines)


def write_report(storm, history, recoveries, violations):
    options, stats = storm.options, next(iter(history.stats.values()), {})
    times = by_kind(recoveries).get("all")
    statuses = Counter(status for booking in history.all_bookings() for status in booking.closings)
    unsent = sum(publisher.unsent for publisher in storm.publishers)
    aim = "" if not times else f" (aim: p99 <= {AIM_P99_S} s: {'reached' if times[2] <= AIM_P99_S else 'missed'})"
    lines = [
        f"# Storm: seed {options.seed}", "",
        f"- {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, commit {commit()}, programs of {os.path.relpath(BIN_DIR, ROOT)}",
        f"- {os.cpu_count()} processors, {memory_gib():.0f} GiB, {platform.system()} {platform.release()}",
        f"- {options.minutes:g} minutes, {options.rate:g} orders/s wanted, {unsent} not sent because the clients before them hung",
        f"- again: `{command_of(options)}`", "",
        f"**{'No violation' if not violations else f'{len(violations)} VIOLATIONS'}**, {storm.nemesis.done} faults, at rest "
        f"{seconds(storm.drained_s)} s after the last one was undone.", "",
        "## Violations", "", violation_text(violations), "",
        "## Operations", "", operations(history), "",
        f"Endings: {', '.join(f'{count} {status}' for status, count in statuses.most_common())}. Duplicates absorbed: "
        f"{stats.get('duplicate_dropped')}; redelivered: {stats.get('redelivered')}; dead letters: {len(history.dead)}; "
        f"events in the log: {len(history.logged)}.", "",
        "## Faults and recovery", "",
        f"From the end of a fault (a kill: from the kill) until bookings sent after it, by XADD and by POST, are closed and everything "
        f"older is settled by every step, whatever else was broken in between{aim}. `alone`: nothing else was.", "",
        fault_table(history, recoveries), "",
        "## What the programs' logs say at level error", "",
        "\n".join(f"- {count} x {what}" for what, count in storm.logs.warnings.most_common(12)) or "Nothing.", ""]
    return "\n".join(lines)
