#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints what bench/run.sh measured as tables.

    report.py FIGURES VERSIONS ROUNDS SECONDS [--write]

FIGURES holds "part case peer measure value" lines, one per round. A figure shown is the median of the
rounds; a ratio is the median of the ratios of the same round. --write puts it into docs/bench.md."""
import collections
import os
import pathlib
import platform
import statistics
import sys

PAGE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "bench.md"
PARTS = ["json", "sse", "tls", "idle", "grow", "start"]
PEERS = ["kinora", "nginx", "haproxy", "go", "portkey"]
TLS_CASES = {"19101": "kept connections", "19102": "a new connection for each call"}


class Figures:
    def __init__(self, path):
        self.rounds = collections.defaultdict(list)
        for line in pathlib.Path(path).read_text().splitlines():
            part, case, peer, measure, value = line.split("\t")
            self.rounds[part, case, peer, measure].append(float(value))

    def parts(self):
        return {part for part, *_ in self.rounds}

    def cases(self, part):
        return list(dict.fromkeys(case for of, case, *_ in self.rounds if of == part))

    def median(self, *key):
        """None where it was not measured, or where no call came through."""
        values = self.rounds.get(key)
        return statistics.median(values) if values else None

    def ratio(self, part, case, peer, measure, to="nginx"):
        mine, theirs = (self.rounds.get((part, case, p, measure), []) for p in (peer, to))
        ratios = [a / b for a, b in zip(mine, theirs) if b]
        return statistics.median(ratios) if ratios else None


def show(value, digits):
    return "–" if value is None else f"{value:,.{digits}f}"


def table(heads, rows):
    """rows: a name and numbers, each with its digits."""
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name, *cells in rows:
        lines.append("| " + " | ".join([name] + [show(*cell) for cell in cells]) + " |")
    return lines + [""]


def peers_of(figures, part, case, measure):
    return [p for p in PEERS if figures.median(part, case, p, measure) is not None]


def cost_rows(figures, part, case, *more):
    """A peer's CPU time, its ratio to nginx, then further measures with their digits."""
    for peer in peers_of(figures, part, case, "us"):
        yield [peer, (figures.median(part, case, peer, "us"), 1),
               (figures.ratio(part, case, peer, "us"), 2),
               *((figures.median(part, case, peer, name), digits) for name, digits in more)]


def report_json(f):
    yield "## JSON calls"
    yield ""
    for case in f.cases("json"):
        yield f"{case} client{'s' if case != '1' else ''}:"
        yield ""
        yield from table(["", "CPU µs/call", "to nginx", "calls/s"],
                         cost_rows(f, "json", case, ("rps", 0)))


def report_sse(f):
    yield "## Event streams"
    yield ""
    yield "A chunk each millisecond in every stream. Fewer arrive in a second where the upstream was late; the"
    yield "client finds several in one read where the proxy was behind, which then looks cheaper than it is, or"
    yield "where the client itself was."
    yield ""
    yield from table(["", "CPU µs/chunk", "to nginx", "streams", "chunks/s in each", "chunks per read"],
                     cost_rows(f, "sse", "chunks", ("streams", 0), ("pace", 0), ("together", 2)))
    yield "Time from the request to the first chunk, one call at a time; the middle column is what the"
    yield "proxy adds to the upstream's own."
    yield ""
    direct = f.median("sse", "first", "direct", "median")
    yield from table(["", "median µs", "added µs", "90th percentile µs"],
                     [[p, (f.median("sse", "first", p, "median"), 0),
                       (f.median("sse", "first", p, "median") - direct, 0),
                       (f.median("sse", "first", p, "p90"), 0)]
                      for p in peers_of(f, "sse", "first", "median")])


def report_tls(f):
    yield "## TLS to the upstream"
    yield ""
    for case in f.cases("tls"):
        yield f"64 clients, {TLS_CASES[case]}:"
        yield ""
        more = [("rps", 0)] + ([("resumed", 0)] if case == "19102" else [])
        heads = ["", "CPU µs/call", "to nginx", "calls/s", "% of handshakes resumed"]
        yield from table(heads[:3 + len(more)], cost_rows(f, "tls", case, *more))


def report_idle(f):
    yield "## Memory of an idle stream"
    yield ""
    for case in f.cases("idle"):
        yield f"What {int(case):,} open, silent event streams add to the processes' memory (PSS):"
        yield ""
        yield from table(["", "KB per stream"], [[p, (f.median("idle", case, p, "kb"), 2)]
                                                 for p in peers_of(f, "idle", case, "kb")])


def report_grow(f):
    yield "## From one loop to two"
    yield ""
    yield "64 clients, nothing pinned: the load and the upstream take their part of the same two cores, so"
    yield "the calls per second cannot double here."
    yield ""
    yield from table(["loops", "CPU µs/call", "calls/s", "cores that Kinora took"],
                     [[n, (f.median("grow", n, "kinora", "us"), 1),
                       (f.median("grow", n, "kinora", "rps"), 0),
                       (f.median("grow", n, "kinora", "cores"), 2)] for n in f.cases("grow")])


def report_start(f):
    yield "## Start and rest"
    yield ""
    yield "From the command to the first answer (Kinora makes its database first), and memory after a"
    yield "second and a half without a call."
    yield ""
    yield from table(["", "first answer ms", "memory MB"],
                     [[p, (f.median("start", "-", p, "ms"), 0),
                       (f.median("start", "-", p, "kb") / 1024, 1)]
                      for p in peers_of(f, "start", "-", "ms")])


def goals(f):
    idle = next(iter(f.cases("idle")), "")
    for name, most, value, digits in [
            ("CPU per JSON call, 64 clients, to nginx", 0.9, f.ratio("json", "64", "kinora", "us"), 2),
            ("CPU per chunk of an event stream, to nginx", 0.9, f.ratio("sse", "chunks", "kinora", "us"), 2),
            ("CPU per call over kept TLS, to nginx", 1.0, f.ratio("tls", "19101", "kinora", "us"), 2),
            ("CPU per call with a TLS handshake, to nginx", 1.0, f.ratio("tls", "19102", "kinora", "us"), 2),
            ("KB per idle stream", 4, f.median("idle", idle, "kinora", "kb"), 2)]:
        if value is not None:
            yield f"| {name} | ≤ {most} | {value:.{digits}f} | {'yes' if value <= most else '**no**'} |"


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), "")
    return f"{platform.machine()}, {os.cpu_count()} cores{', ' + model if model else ''}, Linux {platform.release()}"


def report(figures, versions, rounds, seconds):
    yield f"Machine: {machine()}. Software: {', '.join(versions)}."
    yield f"Rounds: {rounds}, of {seconds} s for each figure."
    yield ""
    held = list(goals(figures))
    if held:
        yield from ["| | goal | here | held |", "|---|---|---|---|", *held, ""]
    for part in PARTS:
        if part in figures.parts():
            yield from globals()[f"report_{part}"](figures)


def main():
    figures_path, versions_path, rounds, seconds, *flags = sys.argv[1:]
    figures = Figures(figures_path)
    versions = pathlib.Path(versions_path).read_text().splitlines()
    text = "\n".join(report(figures, versions, rounds, seconds)).rstrip() + "\n"
    print(text, end="")
    if flags:
        missing = [part for part in PARTS if part not in figures.parts()]
        if missing:
            sys.exit(f"report.py: docs/bench.md is written from a whole run; without {' '.join(missing)}")
        marker = "<!-- figures -->\n"
        PAGE.write_text(PAGE.read_text().split(marker)[0] + marker + "\n" + text)


main()
