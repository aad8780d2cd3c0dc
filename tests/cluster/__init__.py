"""Kubernetes clusters for tests. Programs put the folder above this one (tests) on Python's path."""
from .cluster import Cluster
from .programs import Absent, skip_without

__all__ = ["Absent", "Cluster", "skip_without"]
