"""The kills of the kill suite with other people's rules in the victim's network namespace: an htb root qdisc, a clsact
filter, nft and iptables rules, and a REDIRECT as a service mesh makes it. All of it is there and the same after."""
import json
import os

import attacks
import kill_suite
from lab import DELAY, PORT, VICTIM_ADDRESS, Run, tool, traces

MESH_PORT = PORT + 1  # redirected to PORT

# A filter that lets everything pass: one instruction of classic BPF, which every kernel has that has clsact.
PASS = ["bpf", "bytecode", "1,6 0 0 0"]

RULES = f"""
table inet foreign {{
  set friends {{ type ipv4_addr; elements = {{ 10.197.0.1, 10.197.0.9 }} }}
  chain input {{
    type filter hook input priority 0; policy accept;
    ip saddr @friends udp dport {PORT} counter accept
    tcp dport 9 drop
  }}
  chain prerouting {{
    type filter hook prerouting priority -300; policy accept;
    meta mark set 0x51
  }}
}}
"""


def make_foreign(lab):
    device = ["dev", "eth0"]
    for line in (["qdisc", "add", *device, "root", "handle", "1:", "htb", "default", "10"],
                 ["class", "add", *device, "parent", "1:", "classid", "1:10", "htb", "rate", "900mbit"],
                 ["qdisc", "add", *device, "clsact"],
                 ["filter", "add", *device, "ingress", "protocol", "ip", "prio", "7", *PASS],
                 ["filter", "add", *device, "egress", "protocol", "ip", "prio", "9", *PASS]):
        lab.inside("tc", *line)
    path = lab.folder + "/foreign.nft"
    with open(path, "w") as file:
        file.write(RULES)
    lab.inside("nft", "-f", path)
    lab.inside("iptables", "-A", "INPUT", "-p", "tcp", "--dport", "10", "-j", "DROP")
    lab.inside("iptables", "-t", "nat", "-A", "PREROUTING", "-p", "udp", "--dport", str(MESH_PORT), "-j", "REDIRECT",
               "--to-ports", str(PORT))
    lab.inside("ip6tables", "-A", "FORWARD", "-j", "DROP")


def probe(lab, port):
    return json.loads(tool("nsenter", f"--net=/run/netns/{lab.client_ns}", "--",
                           os.path.dirname(lab.echo) + "/net_probe", "udp", VICTIM_ADDRESS, str(port), "100", "0.2"))


def mesh_works(lab):
    """What is wrong with the redirected port, or ""."""
    done = probe(lab, MESH_PORT)
    return "" if done["received"] == done["sent"] else f"the redirected port: {done}"


def clean_run(lab, report, port):
    lab.victim.ensure()
    before = traces.fingerprint(lab, True)
    attack = attacks.Latency()
    attack.args = dict(attack.args, port=port)
    run = Run(lab, attack.experiment(lab))
    run.wait_injected()
    inside = lab.as_victim("nft", "list", "ruleset")
    during = probe(lab, port)
    code = run.wait()
    problems = [] if "ordeal" in inside else ["no table of Ordeal's during the attack: the test shows nothing"]
    problems += [] if during["rtt_p50"] >= DELAY * 1e3 else [f"not delayed: {during}"]
    problems += [mesh_works(lab), *traces.clean_within(lab, run)[1], *traces.verify_clean(lab, run)]
    problems += traces.differences(before, traces.fingerprint(lab, True))
    proof = run.event("proof")
    report.case(f"a whole run of latency on port {port}", [p for p in problems if p],
                f"exit {code}, {proof and proof['data']['measured']}")
    run.end()
    run.forget()


def run_suite(lab, report, options):
    lab.victim.ensure()
    make_foreign(lab)
    report.case("the redirected port works", [p for p in [mesh_works(lab)] if p])
    clean_run(lab, report, PORT)
    clean_run(lab, report, MESH_PORT)
    kill_suite.run_suite(lab, report, options, rules=True)
    report.case("the redirected port still works", [p for p in [mesh_works(lab)] if p])
