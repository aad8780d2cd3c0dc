#!/usr/bin/env python3
"""accuracy.py --build DIR [--seconds S] [--soak] [--markdown FILE]: what was asked of the latency attack against what
packets got, over a veth pair between two network namespaces of its own, in both directions, IPv4 and IPv6.
Asserted: median at most 1 ms and p99 at most 10 ms above the asked delay, no packet lost. The aim is p99 + 5 ms.
--soak adds 1 packet/s and bulk TCP against the bare path. Needs root; exits 77 where it cannot run."""
import argparse
import json
import os
import subprocess
import sys
import time

VICTIM, CLIENT = f"oacc-v-{os.getpid()}", f"oacc-c-{os.getpid()}"
ADDRESSES = {"IPv4": ("10.99.7.1", "10.99.7.2", 24), "IPv6": ("fd99:7::1", "fd99:7::2", 64)}
PORT = "9000"


def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def inside(namespace, *argv):
    return ("nsenter", f"--net=/run/netns/{namespace}", *argv)


def make_namespaces():
    for namespace in (VICTIM, CLIENT):
        run("ip", "netns", "add", namespace)
    run("ip", "link", "add", "oacc0", "netns", VICTIM, "type", "veth", "peer", "name", "oacc1", "netns", CLIENT)
    for victim, client, bits in ADDRESSES.values():
        extra = ("nodad",) if ":" in victim else ()
        run(*inside(VICTIM, "ip", "addr", "add", f"{victim}/{bits}", "dev", "oacc0", *extra))
        run(*inside(CLIENT, "ip", "addr", "add", f"{client}/{bits}", "dev", "oacc1", *extra))
    run(*inside(VICTIM, "ip", "link", "set", "oacc0", "up"))
    run(*inside(CLIENT, "ip", "link", "set", "oacc1", "up"))
    time.sleep(1.5)  # the link-local addresses and the bridge of neighbours settle


def remove_namespaces():
    for namespace in (VICTIM, CLIENT):
        subprocess.run(("ip", "netns", "delete", namespace), capture_output=True)


class Delay:
    """net_delay in the victim's namespace for as long as the block lasts."""

    def __init__(self, tools, way, delay):
        self.argv = (f"{tools}/net_delay", f"/run/netns/{VICTIM}", way, PORT, delay)

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        return self

    def __exit__(self, *unused):
        self.process.communicate(timeout=20)


class Echo:
    def __init__(self, tools, address):
        self.argv = inside(VICTIM, f"{tools}/net_echo", address, PORT)

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()

    def __exit__(self, *unused):
        self.process.terminate()
        self.process.wait()


def probe(tools, address, rate, seconds):
    out = run(*inside(CLIENT, f"{tools}/net_probe", "udp", address, PORT, str(rate), str(seconds)))
    return json.loads(out.strip().splitlines()[-1])


def measure(tools, way, family, delay_ms, rate, seconds):
    address = ADDRESSES[family][0]
    with Echo(tools, address):
        bare = probe(tools, address, min(rate, 1000), 1)
        with Delay(tools, way, f"{delay_ms}ms"):
            got = probe(tools, address, rate, seconds)
    return {"way": way, "family": family, "asked": delay_ms, "rate": rate, "bare": bare["rtt_p50"], **got}


def problems(row):
    if row["lost"]:
        yield f"{row['lost']} of {row['sent']} packets lost"
    if not row["asked"] <= row["rtt_p50"] <= row["asked"] + 1 + row["bare"]:
        yield f"median {row['rtt_p50']:.2f} ms"
    if row["rtt_p99"] > row["asked"] + 10:
        yield f"p99 {row['rtt_p99']:.2f} ms"


def show(row):
    aim = "" if row["rtt_p99"] <= row["asked"] + 5 else " (over the aim of +5)"
    print(f"{row['way']:<10} {row['family']} asked {row['asked']:>3} ms at {row['rate']:>5}/s: "
          f"p50 +{row['rtt_p50'] - row['asked']:.2f}, p99 +{row['rtt_p99'] - row['asked']:.2f}, "
          f"lost {row['lost']}{aim}", flush=True)


def bulk(address):
    server = subprocess.Popen(inside(VICTIM, "iperf3", "-s", "-1", "-p", PORT), stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    out = json.loads(run(*inside(CLIENT, "iperf3", "-c", address, "-p", PORT, "-t", "4", "-O", "1", "-J")))
    server.wait(timeout=20)
    return out["end"]["sum_received"]["bits_per_second"] / 1e6


def show_bulk(tools):
    for family, (address, _, _) in ADDRESSES.items():
        bare = bulk(address)
        print(f"bulk TCP {family}: bare {bare:.0f} Mbit/s")
        for way in ("arrival", "departure"):
            for delay in ("10ms", "100ms"):
                with Delay(tools, way, delay):
                    got = bulk(address)
                print(f"bulk TCP {family} {way} {delay}: {got:.0f} Mbit/s, {100 * got / bare:.1f} % of bare", flush=True)


def markdown(rows):
    lines = ["| way | family | asked ms | packets/s | p50 ms | p99 ms | max ms | lost |", "|---|---|---|---|---|---|---|---|"]
    for r in rows:
        lines.append(f"| {r['way']} | {r['family']} | {r['asked']} | {r['rate']} | {r['rtt_p50']:.2f} | "
                     f"{r['rtt_p99']:.2f} | {r['rtt_max']:.2f} | {r['lost']} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--markdown", metavar="FILE")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        return 77
    tools = os.path.realpath(options.build) + "/bin"
    rows, failed = [], 0
    try:
        make_namespaces()
        for way in ("arrival", "departure"):
            for family in ADDRESSES:
                for delay in (10, 100, 500):
                    for rate in (1, 1000, 10000) if options.soak else (1000, 10000):
                        seconds = 60 if rate == 1 else options.seconds
                        row = measure(tools, way, family, delay, rate, seconds)
                        if list(problems(row)):  # once more: another program may have taken the machine
                            row = measure(tools, way, family, delay, rate, seconds)
                        rows.append(row)
                        show(row)
                        for problem in problems(row):
                            print("  FAILED:", problem)
                            failed += 1
        if options.soak:
            show_bulk(tools)
    finally:
        remove_namespaces()
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(markdown(rows))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
