"""What each account of the chart may do: what its program does, and nothing else. install_test.py asks the API server for
every other verb on every resource that it serves, and expects a refusal."""

READ = "get list watch"
RELEASE, POLICY, SHOP = "ordeal", "gremlin", "shop"  # namespaces: the release's, the policy's, any other

# (group/resource, verbs): in every namespace and cluster-wide.
CONTROLLER = [
    ("pods", "list watch"), ("nodes", "list watch"), ("services", "get"),
    *((f"apps/{kind}", "get") for kind in ("deployments", "replicasets", "statefulsets", "daemonsets")),
    ("policy/poddisruptionbudgets", "list watch"),
    ("argoproj.io/rollouts", "get"),
    ("ordeal.dev/experiments", READ), ("ordeal.dev/experiments/status", "patch"),
    ("ordeal.dev/injections", "list watch create patch delete"),
    ("ordeal.dev/halts", "list watch create"),
    ("configmaps", "list watch create patch delete"),
    ("events", "create"),
]
ROLLBACK = [("argoproj.io/rollouts", "patch"), ("argoproj.io/rollouts/status", "patch"), ("apps/deployments", "patch"),
            ("apps/replicasets", "list")]
AGENT = [
    ("ordeal.dev/injections", READ + " patch"), ("ordeal.dev/injections/status", "patch"),
    ("ordeal.dev/experiments", "get watch"), ("ordeal.dev/halts", READ),
    ("pods", "list"), ("nodes", "get"),
]
DRAIN = [("ordeal.dev/injections", "list patch"), ("ordeal.dev/halts", "create")]
CLUSTER_WIDE = {"ordeal-controller": CONTROLLER, "ordeal-agent": AGENT, "ordeal-drain": DRAIN}

# Of a controller with scope namespace, in its own namespace alone.
TENANT = [(resource, verbs) for resource, verbs in CONTROLLER
          if resource not in ("nodes", "ordeal.dev/injections", "ordeal.dev/halts")]

# (account, namespace or "" for cluster-wide, group/resource, object or "" for any, verbs)
NAMED = [
    ("ordeal-controller", RELEASE, "coordination.k8s.io/leases", "", "create"),
    ("ordeal-controller", RELEASE, "coordination.k8s.io/leases", "ordeal-controller", "get update"),
    ("ordeal-controller", "", "ordeal.dev/halts", "global", "patch"),
    ("ordeal-controller", SHOP, "secrets", "prom-token", "get"),
    ("ordeal-agent", POLICY, "configmaps", "gremlin-config", "get"),
    ("ordeal-drain", "", "ordeal.dev/halts", "global", "get patch delete"),
    ("ordeal-drain", RELEASE, "apps/deployments", "ordeal-controller", "get patch"),
]
