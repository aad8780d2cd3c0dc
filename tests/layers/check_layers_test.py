#!/usr/bin/env python3
"""scripts/check-layers on small trees, each with one thing wrong."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check-layers"

SOUND = {
    "base/CMakeLists.txt": "ordeal_library(base)",
    "base/a.h": "#pragma once",
    "json/CMakeLists.txt": "ordeal_library(json USES base LINKS yaml-cpp)",
    "json/b.h": '#include "base/a.h"',
    "fault/CMakeLists.txt": "ordeal_library(fault USES base)",
    "fault/c.h": "",
    "engine/CMakeLists.txt": "ordeal_library(engine USES json base)",
    "engine/d.cc": '#include "json/b.h"',
}


def check(**changes):
    """The output of the check on the sound tree with some files changed; "" when it is content."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**SOUND, **{k.replace("__", "/"): v for k, v in changes.pop("files", {}).items()}}.items():
            path = Path(folder, "src", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        done = subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True)
        assert done.returncode == (1 if done.stdout else 0), done
        return done.stdout


class CheckLayers(unittest.TestCase):
    def refuses(self, files, text):
        self.assertIn(text, check(files=files))

    def test_a_sound_tree_passes(self):
        self.assertEqual(check(), "")

    def test_an_include_upwards(self):
        self.refuses({"base/a.h": '#include "json/b.h"'}, "src/base/a.h:1: json is not in a row below base")

    def test_an_include_that_is_not_among_the_uses(self):
        self.refuses({"engine/CMakeLists.txt": "ordeal_library(engine USES base)"}, "src/engine/d.cc:1: json is not among")

    def test_the_engine_never_uses_a_fault(self):
        self.refuses({"engine/d.cc": '#include "fault/c.h"'}, "engine never uses fault")
        self.refuses({"engine/CMakeLists.txt": "ordeal_library(engine USES json base fault)"}, "engine never uses fault")

    def test_a_heavy_header_in_a_header(self):
        self.refuses({"json/b.h": "#include <yaml-cpp/yaml.h>"}, "too heavy for a header")

    def test_a_heavy_header_in_too_many_files(self):
        files = {f"json/{i}.cc": "#include <yaml-cpp/yaml.h>" for i in range(4)}
        self.refuses(files, "is in 4 files")

    def test_what_is_printed_past_the_one_place(self):
        for line in ('fmt::print("{}", name);', "std::cout << name;", 'fprintf(stderr, "x");', "  std::fputs(a, stdout);"):
            self.refuses({"json/e.cc": line}, "goes through base/output.h")
        self.assertEqual(check(files={"json/e.cc": '  print("{}", name); snprintf(a, b); fmt::format("x");'}), "")

    def test_a_shell(self):
        self.refuses({"json/e.cc": "  int x = ::system(text);"}, "start a shell")
        self.refuses({"json/e.cc": "  auto f = popen(text, mode);"}, "start a shell")

    def test_a_folder_without_a_row(self):
        self.refuses({"misc/e.cc": ""}, "src/misc: no row")


if __name__ == "__main__":
    unittest.main()
