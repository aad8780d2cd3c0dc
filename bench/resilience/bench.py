#!/usr/bin/env python3
"""What a call through ordeal::resilience costs beside the same call through gobreaker, opossum, pybreaker and
resilience4j, on this machine, in one run.

    bench.py [--program build/release/bin/resilience_bench] [--rounds 15] [--minutes 10] [--quick]
             [--peers gobreaker,...] [--no-checks]

In each round every case is asked of each program in turn (ours, a peer, ours, the next peer...), one burst of some
milliseconds each, so that all meet the same noise. A burst of two threads counts only if they ran at once, and if no
other process had more than a tenth of the machine meanwhile; otherwise it is asked for again a few times, and left out
of this round. On a busy machine that takes long, so that no round begins after --minutes.

Peers are built on first use into ~/.cache/ordeal/resilience-peers (Go, npm, pip, Maven and javac by their ordinary
clients); one whose tools are missing is skipped, with a word. peers/README.md says what each does in each case.

Prints a table in Markdown: ns a call in each thread, min and median; how many times ours by the medians; how many times
a bare steady_clock::now(). Then ours in all its cases, with the bars, and the checks. Progress goes to stderr. The exit
code is 1 if a check failed. --quick takes a minute: three rounds.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = Path("~/.cache/ordeal/resilience-peers").expanduser()
SHARED = {"A1": "closed, success", "B": "closed, success, two threads", "C": "open, refused",
          "C two": "open, refused, two threads", "D": "failure, full window"}
TWO_THREADS = {"B", "C two"}
WARM_UP, ATTEMPTS = 3, 3
OTHERS = 0.1  # of the machine, at most


class Skipped(Exception):
    """A peer that cannot be built here, and why."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def tool(name):
    if not shutil.which(name):
        raise Skipped(f"{name} is not installed")
    return name


def build(*command, cwd, **environment):
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode:
        raise Skipped(f"{' '.join(command[:3])} failed: {(done.stderr or done.stdout).strip()[-300:]}")


def is_stale(peer, folder):
    """Whether the peer's sources are others than those it was built from, which lie in `folder`/sources."""
    sources = HERE / "peers" / peer
    built = folder / "sources"
    return any(not (built / each.name).exists() or (built / each.name).read_bytes() != each.read_bytes()
               for each in sources.iterdir())


def gobreaker(folder, stale):
    if stale:
        build(tool("go"), "build", "-o", str(folder / "bench"), ".", cwd=HERE / "peers" / "gobreaker")
    return {"": [str(folder / "bench")]}


def opossum(folder, stale):
    source = HERE / "peers" / "opossum"
    if stale:
        shutil.copy(source / "package.json", folder)
        build(tool("npm"), "install", "--no-package-lock", "--no-audit", "--no-fund", cwd=folder)
    program = ["env", f"NODE_PATH={folder / 'node_modules'}", tool("node"), str(source / "main.js")]
    return {"": program, ", no percentiles": program + ["lean"]}


def pybreaker(folder, stale):
    if stale:
        build(sys.executable, "-m", "pip", "install", "-q", "--upgrade", "--target", str(folder / "lib"),
              "pybreaker==1.4.1", cwd=folder)
    return {"": ["env", f"PYTHONPATH={folder / 'lib'}", sys.executable, "-B", str(HERE / "peers/pybreaker/main.py")]}


def resilience4j(folder, stale):
    source, jars = HERE / "peers" / "resilience4j", folder / "jars"
    if stale:
        build(tool("mvn"), "-q", "-B", "-f", str(source / "pom.xml"), "dependency:copy-dependencies",
              f"-DoutputDirectory={jars}", cwd=folder)
        build(tool("javac"), "-cp", f"{jars}/*", "-d", str(folder), str(source / "Main.java"), cwd=folder)
    program = [tool("java"), "-cp", f"{folder}:{jars}/*", "Main"]
    return {"": program, ", lock-free": program + ["lock-free"]}


PEERS = {each.__name__: each for each in (gobreaker, resilience4j, opossum, pybreaker)}


def peer_commands(names):
    commands = {}
    for name in names:
        say(f"{name}: building what is missing")
        try:
            folder = CACHE / name
            folder.mkdir(parents=True, exist_ok=True)
            stale = is_stale(name, folder)
            made = PEERS[name](folder, stale)
            if stale:  # last, so that a build that broke off is made again
                shutil.copytree(HERE / "peers" / name, folder / "sources", dirs_exist_ok=True)
            commands.update({name + variant: command for variant, command in made.items()})
        except Skipped as why:
            print(f"{name} is skipped: {why}\n", flush=True)
    return commands


def ticks_of_all():
    """(busy, all) clock ticks of the machine; stolen ones are busy."""
    fields = [int(word) for word in open("/proc/stat").readline().split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


class Program:
    def __init__(self, name, command):
        self.name, self.figures = name, {}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def ask(self, case):
        """ns; -1 if the burst does not count; None if the case does not apply."""
        self.process.stdin.write(case + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split("\t")
        if len(answer) != 3:
            raise RuntimeError(f"{self.name} ended at case {case}")
        return None if answer[2].strip() == "-" else float(answer[2])

    def ticks(self):
        words = open(f"/proc/{self.process.pid}/stat").read().rpartition(")")[2].split()
        return int(words[11]) + int(words[12])

    def ask_alone(self, case):
        """-1 as well if others had too much of the machine."""
        (busy, total), own = ticks_of_all(), self.ticks()
        took = self.ask(case)
        (busy_after, total_after), own_after = ticks_of_all(), self.ticks()
        others = (busy_after - busy) - (own_after - own)
        return took if others <= OTHERS * (total_after - total) + 1 else -1

    def measure(self, case):
        """Adds one burst that counts, if one comes."""
        ask = self.ask_alone if case in TWO_THREADS else self.ask
        for _ in range(ATTEMPTS):
            took = ask(case)
            if took >= 0:
                self.figures.setdefault(case, []).append(took)
                return


def warm_up(programs):
    """A program's `figures` get a place for each case that applies to it."""
    for case in SHARED:
        for program in programs:
            say(f"warming up: {program.name}, {SHARED[case]}")
            if all([program.ask(case) is not None for _ in range(WARM_UP)]):
                program.figures[case] = []


def measure(ours, peers, own_cases, rounds, minutes):
    warm_up([ours, *peers])
    end = time.monotonic() + 60 * minutes
    for i in range(rounds):
        if i > 0 and time.monotonic() > end:
            return say("the time is over")
        say(f"round {i + 1} of {rounds}")
        for case in SHARED:
            for peer in peers:
                if case in peer.figures:
                    ours.measure(case)
                    peer.measure(case)
        for case in own_cases:
            if case not in SHARED:
                ours.measure(case)


def text(nanos):
    return f"{nanos:,.1f}" if nanos < 100 else f"{nanos:,.0f}"


def beside(figures, mine, clock):
    if not figures or not mine:
        return "no burst counted | | | | 0 |"
    median = statistics.median(figures)
    times = median / statistics.median(mine)
    return f"{text(min(figures))} | {text(median)} | {times:.1f} | {median / clock:.2f} | {len(figures)} |"


def print_beside(ours, peers):
    clock = statistics.median(ours.figures["clock"])
    print("| case | program | min ns | median ns | times ours | times steady_clock::now() | bursts |\n"
          "|---|---|--:|--:|--:|--:|--:|")
    for case, title in SHARED.items():
        for program in [ours, *peers]:
            if case in program.figures:
                print(f"| {case}: {title} | {program.name} |", beside(program.figures[case], ours.figures[case], clock))


def print_fastest(ours, peers, case="B"):
    ranked = sorted((statistics.median(peer.figures[case]), peer.name) for peer in peers if peer.figures.get(case))
    if ranked and ours.figures[case]:
        theirs, name = ranked[0]
        times = theirs / statistics.median(ours.figures[case])
        print(f"\nTwo threads on one breaker: {times:.1f} times as fast as the fastest peer ({name}); the bar is 5.")


def bar_of(row, ours):
    factor, of = row["bar"], row["of"]
    if not of:
        return factor
    return factor * statistics.median(ours.figures[of]) if ours.figures.get(of) else 0


def print_own(ours, rows):
    print("\n| case | what | threads | min ns | median ns | bar | bursts |\n|---|---|--:|--:|--:|--:|--:|")
    for row in rows:
        figures = ours.figures.get(row["key"])
        if not figures:
            print(f"| {row['key']} | {row['title']} | {row['threads']} | - | - | no burst counted | 0 |")
            continue
        bar, median = bar_of(row, ours), statistics.median(figures)
        over = " **over**" if bar and median > bar else ""
        print(f"| {row['key']} | {row['title']} | {row['threads']} | {text(min(figures))} | {text(median)} "
              f"| {f'{bar:.1f}' if bar else ''}{over} | {len(figures)} |")


def list_cases(program):
    lines = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout.splitlines()
    rows = []
    for line in lines:
        key, threads, title, bar, of = line.split("\t")
        rows.append({"key": key, "threads": int(threads), "title": title, "bar": float(bar), "of": of})
    return rows


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/bin/resilience_bench"), help="as built by CMake")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--minutes", type=float, default=10, help="no round begins later")
    parser.add_argument("--quick", action="store_true", help="three rounds")
    parser.add_argument("--peers", default=",".join(PEERS), help="those, by commas; \"\" for none")
    parser.add_argument("--no-checks", action="store_true", help="only the prices")
    args = parser.parse_args()
    if not os.access(args.program, os.X_OK):
        parser.error(f"{args.program} is not built: cmake --preset release && cmake --build --preset release "
                     "--target resilience_bench")
    unknown = set(filter(None, args.peers.split(","))) - set(PEERS)
    if unknown:
        parser.error(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    return args


def main():
    args = arguments()
    rows = list_cases(args.program)
    ours = Program("ordeal", [args.program, "--serve"])
    commands = peer_commands(filter(None, args.peers.split(",")))
    peers = [Program(name, command) for name, command in commands.items()]
    try:
        measure(ours, peers, [row["key"] for row in rows], 3 if args.quick else args.rounds, args.minutes)
    finally:
        for program in [ours, *peers]:
            program.close()
    print_beside(ours, peers)
    print_fastest(ours, peers)
    print_own(ours, rows)
    if not args.no_checks:
        print(flush=True)
        sys.exit(subprocess.run([args.program, "--checks"]).returncode)


if __name__ == "__main__":
    main()
