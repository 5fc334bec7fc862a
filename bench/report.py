"""What the figures mean: medians over the repetitions, the targets, a table for people."""
import statistics

MET, MISSED = "met", "MISSED"


def median(runs, *path):
    def pick(run):
        for name in path:
            run = run[name]
        return run
    return statistics.median(map(pick, runs))


def spread(runs, name):
    values = [run[name] for run in runs]
    return f"{min(values):,}-{max(values):,}" if len(values) > 1 else ""


def ratio(runs, others, name):
    """Of runs that stood beside each other, so that a slow minute slows both."""
    return statistics.median(run[name] / other[name] for run, other in zip(runs, others))


def verdict(value, most=None, least=None):
    return MET if (most is None or value <= most) and (least is None or value >= least) else MISSED


def line(what, figure, target=None, note=""):
    print(f"  {what:<44} {figure:>14}   {target or '':<28} {note}".rstrip())


def print_load(title, runs, least=None, most_us=None):
    print(f"\n{title}")
    rate, us = median(runs, "confirmed_per_s"), median(runs, "cpu_us")
    line("confirmed a second", f"{rate:,.0f}", least and f"target >= {least:,}: {verdict(rate, least=least)}",
         spread(runs, "confirmed_per_s"))
    line("… until the event log has everything", f"{median(runs, 'logged_per_s'):,.0f}", None, spread(runs, "logged_per_s"))
    line("CPU µs a booking, everything", f"{us:.0f}", most_us and f"target <= {most_us}: {verdict(us, most=most_us)}",
         spread(runs, "cpu_us"))
    for kind in sorted(runs[0]["cpu_us_of"], key=lambda kind: -median(runs, "cpu_us_of", kind)):
        line(f"  {kind}", f"{median(runs, 'cpu_us_of', kind):.1f}")
    line("  (the load generator, not counted)", f"{median(runs, 'generator_cpu_us'):.1f}")
    line("written a booking: WAL, append-only file", f"{median(runs, 'wal_bytes'):,.0f} B, {median(runs, 'aof_bytes'):,.0f} B")
    line("cores that others used meanwhile", f"{median(runs, 'others_cores'):.1f}")
    print("  entries a batch: " + ", ".join(f"{step} {median(runs, 'steps', step, 'entries'):.0f}" for step in runs[0]["steps"]))


def print_latency(title, runs, p50=None, p99=None):
    print(f"\n{title}")
    for name, most in (("p50_ms", p50), ("p90_ms", None), ("p99_ms", p99)):
        value = median(runs, name)
        line(name[:3], f"{value:.1f} ms", most and f"target <= {most} ms: {verdict(value, most=most)}", spread(runs, name))


def print_memory(runs, most_mib):
    """Flat: from the middle of a run to its end no program grew by more than a tenth of what it may use."""
    print("\nMemory (RSS, MiB): the most, and growth in the second half of a load")
    for name in sorted(runs[0]["memory_mib"]):
        if name in ("redis", "postgres"):
            continue
        top, grew = max(run["memory_mib"][name]["max"] for run in runs), median(runs, "memory_mib", name, "grew")
        flat = verdict(top, most=most_mib) if grew < most_mib / 10 else MISSED
        line(name, f"{top:.1f}  {grew:+.1f}", f"target < {most_mib}, flat: {flat}")


def print_floors(results, sync):
    print(f"\nFloors: the bare servers doing the same work, batches of the same size ({sync})")
    for floor, server, kind in ((f"floor-sql-{sync}", "PostgreSQL", "postgres"), (f"floor-redis-{sync}", "Redis", "redis")):
        if floor not in results or sync not in results:
            continue
        runs, system = results[floor], results[sync]
        us = statistics.median(run["cpu_us_of"][kind] / bare["cpu_us"] for run, bare in zip(system, runs))
        line(f"{server} alone, a second", f"{median(runs, 'per_s'):,.0f}",
             None, f"system/floor {statistics.median(run['logged_per_s'] / bare['per_s'] for run, bare in zip(system, runs)):.2f}")
        line(f"{server} alone, CPU µs a booking", f"{median(runs, 'cpu_us'):.0f}", None, f"system/floor {us:.2f}")


def print_order(results, name, most=0.10):
    exact, free = results.get(name), results.get(f"{name}-any-order")
    if not exact or not free:
        return
    slower, dearer = 1 - ratio(exact, free, "confirmed_per_s"), ratio(exact, free, "cpu_us") - 1
    workers = 4 if name.endswith("4") else 1
    line(f"{workers} ticket-worker{'s' if workers > 1 else ''}: rate lost", f"{slower * 100:+.0f} %",
         f"target <= {most * 100:.0f} %: {verdict(slower, most=most)}", f"CPU {dearer * 100:+.0f} %")


def print_backlog(runs):
    print(f"\nBacklog of {runs[0]['bookings']:,} bookings, then the workers come (appendfsync always)")
    line("loaded a second", f"{median(runs, 'loaded_per_s'):,.0f}")
    line("confirmed a second", f"{median(runs, 'drained_per_s'):,.0f}", None, spread(runs, "drained_per_s"))
    line("… in each tenth of it", "", None, " ".join(f"{rate:,}" for rate in runs[0]["tenths_per_s"]))
    line("all confirmed, all logged after", f"{median(runs, 'drained_s'):,.0f} s, {median(runs, 'logged_s'):,.0f} s")
    first, second = runs[0]["cpu_us_of_half"]
    line("CPU µs a booking, first and second half", f"{sum(first.values()):.0f}, {sum(second.values()):.0f}", None,
         ", ".join(f"{kind} {first[kind]:.0f}, {second[kind]:.0f}" for kind in sorted(first, key=lambda kind: -first[kind])))
    for name, what in (("empty", "Redis, MiB: empty"), ("loaded", "… loaded"), ("most", "… the most"), ("trimmed", "… afterwards")):
        line(what, f"{median(runs, 'redis_mib', name):,.1f}")
    for name, memory in sorted(runs[0]["memory_mib"].items()):
        if name not in ("redis", "postgres"):
            line(f"{name}, MiB: the most", f"{memory['max']:.1f}  {memory['grew']:+.1f}", None, "and growth in the second half")
    line("GET /stats, ms: median, most", f"{median(runs, 'stats_ms', 'median'):,.0f}, {max(run['stats_ms']['max'] for run in runs):,}")


def print_publish(sync, runs, goal):
    print(f"\nEvents over HTTP, three tenths repeated, appendfsync {sync}")
    for name, what in (("batched_per_s", "accepted a second, 100 in a body"), ("singles_per_s", "… singly, 64 connections"),
                       ("ingest_per_s", "recorded a second, once all are there")):
        rate, least = median(runs, name), goal.get(name)
        line(what, f"{rate:,.0f}", least and f"target >= {least:,}: {verdict(rate, least=least)}", spread(runs, name))
    for name, what in (("publish_p99_ms", "/publish p99, ms, while 20,000 flow in"), ("stats_p99_ms", "/stats p99, ms, meanwhile")):
        ms, most = median(runs, name), goal.get(name)
        line(what, f"{ms:.1f}", most and f"target <= {most}: {verdict(ms, most=most)}", spread(runs, name))
    for name, what in (("batched_cpu_us", "CPU µs an event, 100 in a body"), ("singles_cpu_us", "… singly"),
                       ("ingest_cpu_us", "… recorded")):
        kinds = {kind for run in runs for kind, us in run[name].items() if us >= 0.05}
        line(what, f"{sum(median(runs, name, kind) for kind in kinds):.1f}", None,
             ", ".join(f"{kind} {median(runs, name, kind):.1f}" for kind in sorted(kinds)))
    line("cores that others used meanwhile", f"{median(runs, 'others_cores'):.1f}")


def print_all(results, targets):
    for sync in ("always", "everysec"):
        goal = targets if sync == "always" else {}
        if sync in results:
            print_load(f"Load, appendfsync {sync}", results[sync], goal.get("rate"), goal.get("cpu_us"))
        if f"latency-{sync}" in results:
            print_latency(f"Latency without load, appendfsync {sync}", results[f"latency-{sync}"], goal.get("p50_ms"),
                          goal.get("p99_ms"))
    if "always" in results:
        print_memory(results["always"], targets["memory_mib"])
    for sync in ("always", "everysec"):  # single requests are promised with everysec, all else with both
        goal = targets if sync == "everysec" else {name: value for name, value in targets.items() if name != "singles_per_s"}
        if f"publish-{sync}" in results:
            print_publish(sync, results[f"publish-{sync}"], goal)
    if "backlog" in results:
        print_backlog(results["backlog"])
    if any(name.startswith("floor") for name in results):
        for sync in ("always", "everysec"):
            print_floors(results, sync)
    if any(name.endswith("any-order") for name in results):
        print("\nWhat the exact order of arrival costs (appendfsync always)")
        for name in ("always", "always-4"):
            print_order(results, name)
