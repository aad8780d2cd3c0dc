"""Network namespaces on a bridge, without names: they end with the process that made them."""
import os
import subprocess

from .processes import tool


class Network:
    """A bridge in our own network namespace, with network namespaces on its ports."""

    def __init__(self, address):
        self.namespaces = []
        tool("ip", "link", "set", "lo", "up")
        tool("ip", "link", "add", "shop", "type", "bridge")
        tool("ip", "addr", "add", f"{address}/24", "dev", "shop")
        tool("ip", "link", "set", "shop", "up")

    def add(self, name, address):
        """A namespace with `address` on the bridge. Returns a path for nsenter; we alone keep it alive."""
        holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        holder.stdin.write(b"\n")
        holder.stdin.flush()
        holder.stdout.read(1)  # unshare has become cat: the namespace is there
        self.namespaces.append(open(f"/proc/{holder.pid}/ns/net"))
        path = f"/proc/{os.getpid()}/fd/{self.namespaces[-1].fileno()}"
        tool("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
        tool("ip", "link", "set", f"to-{name}", "master", "shop", "up")
        inside = ["nsenter", f"--net={path}", "ip"]
        tool(*inside, "link", "set", "lo", "up")
        tool(*inside, "addr", "add", f"{address}/24", "dev", "eth0")
        tool(*inside, "link", "set", "eth0", "up")
        holder.communicate()
        return path
