"""The attacks of the crash tests: how each is asked for, and how one sees that it ended in time. ended() looks at once
and says when the effect was gone; later() looks at what may come after. Both say what is wrong, or ""."""
import time

from lab import DELAY, PORT, Respawner, now, wait_until
from lab.traces import burners

SLACK = 0.05  # of the observer, who shares the machine


class Attack:
    type, args, length, limit = "", {}, 0.5, 0.1

    def experiment(self, lab):
        return {"name": "crash " + self.type, "target": lab.target(), "baseline": "100ms", "recovery": "100ms",
                "attack": {"type": self.type, "args": self.args, "length": f"{int(self.length * 1000)}ms"}}

    def before(self, lab):
        pass

    def ended(self, lab, killed):
        return ""

    def later(self, lab, killed):
        return ""

    def after(self, lab):
        pass


class Latency(Attack):
    type, args = "latency", {"delay": f"{int(DELAY * 1000)}ms", "port": PORT, "protocol": "udp"}

    def before(self, lab):
        lab.open_stream()

    def later(self, lab, killed):
        return lab.stream.untouched(killed + self.limit, killed + self.limit + 0.2)


class PacketLoss(Latency):
    type, args = "packet_loss", {"percent": 100, "port": PORT, "protocol": "udp"}


class Pause(Attack):
    type, limit = "pause", 1.0

    def ended(self, lab, killed):
        at = wait_until(lambda: not lab.victim_cgroup.frozen(), 5)
        late = at is None or at > killed + self.limit + SLACK
        return f"still frozen {self.limit} s after the kill" if late else ""

    def later(self, lab, killed):
        time.sleep(max(0.0, killed + 0.15 - now()))
        return "frozen anew" if lab.victim_cgroup.frozen() else ""


class Cpu(Attack):
    type, args = "cpu", {"cores": 1, "percent": 30}

    def ended(self, lab, killed):
        at = wait_until(lambda: not burners(lab), 5)
        late = at is None or at > killed + self.limit + SLACK
        return f"a burner runs {self.limit} s after the kill" if late else ""

    def later(self, lab, killed):
        time.sleep(max(0.0, killed + 0.15 - now()))
        return "a burner came later" if burners(lab) else ""


class ProcessKiller(Attack):
    type, args = "process_killer", {"process": "sleep", "exact": True, "interval": "100ms"}

    def before(self, lab):
        self.respawner = Respawner(lab.victim)

    def later(self, lab, killed):
        time.sleep(max(0.0, killed + 0.45 - now()))
        late = [at - killed for at in self.respawner.deaths if at > killed + self.limit + SLACK]
        return f"{len(late)} kills later than 100 ms, the last after {late[-1] * 1e3:.0f} ms" if late else ""

    def after(self, lab):
        self.respawner.stop()


class Shutdown(Attack):
    type, args, length = "shutdown", {"delay": "250ms"}, 0.25

    def ended(self, lab, killed):
        time.sleep(max(0.0, killed + self.limit + SLACK - now()))
        self.soon = lab.victim.alive()
        return ""

    def later(self, lab, killed):
        time.sleep(max(0.0, killed + 0.5 - now()))
        return "the victim was killed later than 100 ms" if lab.victim.alive() != self.soon else ""


ALL = [Latency, PacketLoss, Cpu, Pause, ProcessKiller, Shutdown]
BY_NAME = {attack.type: attack for attack in ALL}
