#!/usr/bin/env python3
"""Builds the library as a project of its own, installs it, and lets a service without exceptions and RTTI find and use it.

    package_test.py
"""
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(*command):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}:\n{done.stdout}")
    return done.stdout


def build(source, folder, *options):
    run("cmake", "-S", source, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_UNITY_BUILD=ON", *options)
    run("cmake", "--build", folder, "-j", "1")  # another test runs beside this one


def main():
    with tempfile.TemporaryDirectory(prefix="ordeal-package-") as name:
        folder = Path(name)
        # The library itself without exceptions, too: both ways must build.
        build(ROOT / "src/resilience", folder / "bare", "-DCMAKE_CXX_FLAGS=-fno-exceptions -fno-rtti")
        build(ROOT / "src/resilience", folder / "library")
        for built in ("bare", "library"):
            run("cmake", "--install", folder / built, "--prefix", folder / built / "prefix")
            build(ROOT / "tests/resilience/package", folder / built / "service", f"-DCMAKE_PREFIX_PATH={folder / built / 'prefix'}")
            print(built, run(folder / built / "service/service").strip())


if __name__ == "__main__":
    main()
