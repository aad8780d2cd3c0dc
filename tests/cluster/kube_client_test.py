#!/usr/bin/env python3
"""The client for Kubernetes' API, against a real API server: kube_client_test.py PROGRAM (of kube_client.cc)."""
import os
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the lab and this package
from cluster import Cluster, skip_without  # noqa: E402


def cut_again_and_again(proxy, ended):
    """Refused, then in silence, with a second in between where all passes."""
    while not ended.is_set():
        for cut in (proxy.stop, proxy.stall):
            ended.wait(1)
            cut()
            ended.wait(0.5)
            proxy.resume()


def main():
    with Cluster(nodes=1) as cluster:
        proxy, ended = cluster.proxy(), threading.Event()
        cuts = threading.Thread(target=cut_again_and_again, args=(proxy, ended))
        cuts.start()
        try:
            environment = {**os.environ, "KUBECONFIG": cluster.kubeconfig, "CUT_KUBECONFIG": proxy.kubeconfig}
            return subprocess.run([sys.argv[1], "--gtest_brief=1"], env=environment, timeout=240).returncode
        finally:
            ended.set()
            cuts.join()


if __name__ == "__main__":
    skip_without()
    sys.exit(main())
