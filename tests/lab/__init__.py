"""The laboratory of all tests and of the demo. Programs put the folder above this one (tests) on Python's path."""
from .cgroups import CGROUPS, Cgroup, hierarchies, remove_cgroups
from .isolation import as_root_outside, isolated, reap
from .lab import Lab
from .network import Network
from .processes import kill, must_become, now, passable_folder, read, start, stop, tool, wait_until
from .resolver import ask_own_resolver
from .run import Run
from .victim import CLIENT_ADDRESS, DELAY, NORMAL, PORT, VICTIM_ADDRESS, Reconnector, Respawner, Stream, Victim

__all__ = [
    "CGROUPS", "Cgroup", "hierarchies", "remove_cgroups",
    "as_root_outside", "isolated", "reap",
    "Lab",
    "Network",
    "kill", "must_become", "now", "passable_folder", "read", "start", "stop", "tool", "wait_until",
    "ask_own_resolver",
    "Run",
    "CLIENT_ADDRESS", "DELAY", "NORMAL", "PORT", "VICTIM_ADDRESS", "Reconnector", "Respawner", "Stream", "Victim",
]
