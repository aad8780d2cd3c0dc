#!/usr/bin/env python3
"""scripts/check-layers on small trees, each with one thing wrong."""
import importlib.machinery
import importlib.util
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check-layers"
sys.dont_write_bytecode = True
LOADER = importlib.machinery.SourceFileLoader("check_layers", str(SCRIPT))
check_layers = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_layers", LOADER))
LOADER.exec_module(check_layers)

# json lies one folder deeper than base, engine two; json and fault have subfolders that are their own.
SOUND = {
    "src/base/CMakeLists.txt": "ordeal_library(base)",
    "src/base/a.h": "#pragma once",
    "src/core/CMakeLists.txt": "add_subdirectory(json)",
    "src/core/json/CMakeLists.txt": "ordeal_library(json USES base LINKS yaml-cpp)",
    "src/core/json/b.h": '#include "base/a.h"',
    "src/fault/CMakeLists.txt": "ordeal_library(attacks USES base)",
    "src/fault/c.h": "",
    "src/fault/c_test.cc": '#include "c.h"',
    "src/fault/kinds/c2.cc": '#include "fault/c.h"',
    "src/run/parts/engine/CMakeLists.txt": "ordeal_library(engine USES json base)",
    "src/run/parts/engine/d.cc": '#include "core/json/b.h"',
    "src/cli/CMakeLists.txt": "add_executable(ordeal main.cc)\ntarget_link_libraries(ordeal PRIVATE ordeal_engine)",
    "src/cli/commands.h": "",
    "src/cli/main.cc": '#include "cli/commands.h"\n#include "json/b.h"',
    "src/resilience/CMakeLists.txt": "add_library(ordeal_resilience STATIC e.cc)",
    "src/resilience/e.cc": '#include "ordeal/resilience/e.h"',
    "include/ordeal/resilience/e.h": "",
    "demo/CMakeLists.txt": "ordeal_program(shop SOURCES shop.cc USES json LINKS pq)",
    "demo/shop.cc": '#include "json/b.h"\n#include "base/a.h"',
}


def plant(folder, files):
    for name, text in {**SOUND, **files}.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def check(files):
    """The output of the check on the sound tree with some files changed; "" when it is content."""
    with tempfile.TemporaryDirectory() as folder:
        plant(folder, files)
        return "\n".join(check_layers.Check(Path(folder)).run())


class Arrows(unittest.TestCase):
    def refuses(self, files, text):
        self.assertIn(text, check(files))

    def test_a_sound_tree_passes(self):
        self.assertEqual(check({}), "")

    def test_the_program_says_what_it_found_and_exits_so(self):
        for files, code, said in (({}, 0, ""), ({"src/base/a.h": "std::cout << x;"}, 1, "src/base/a.h:1: what is printed")):
            with tempfile.TemporaryDirectory() as folder:
                plant(folder, files)
                done = subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stdout[:len(said) or None]), (code, said), done)

    def test_an_include_upwards_at_each_depth(self):
        for file in ("src/base/a.h", "src/base/x/f.cc", "src/base/x/y/f.cc", "src/base/x/y/z/f.h"):
            with self.subTest(file):
                self.refuses({file: '#include "json/b.h"'}, f"{file}:1: json is not in a row below base")
        for file in ("src/core/json/b.h", "src/core/json/x/f.cc", "src/run/parts/engine/d.cc", "src/run/parts/engine/x/f.cc"):
            with self.subTest(file):
                self.refuses({file: '\n#include "cli/commands.h"'}, f"{file}:2: cli is not in a row below")

    def test_an_include_upwards_however_the_header_is_named(self):
        for header in ("json/b.h", "core/json/b.h", "../core/json/b.h", "json/not_there.h"):
            self.refuses({"src/base/f.cc": f'#include "{header}"'}, "src/base/f.cc:1: json is not in a row below base")

    def test_a_file_of_the_own_layer_that_has_the_name_of_one_above(self):
        files = {"src/base/x/b.h": "", "src/base/x/f.cc": '#include "b.h"'}
        self.assertEqual(check(files), "")

    def test_an_include_that_is_not_among_the_uses(self):
        self.refuses({"src/run/parts/engine/CMakeLists.txt": "ordeal_library(engine USES base)"},
                     "src/run/parts/engine/d.cc:1: json is not among the USES")

    def test_a_program_has_what_its_libraries_use_and_no_more(self):
        self.refuses({"src/cli/main.cc": '#include "cli/commands.h"\n#include "fault/c.h"'},
                     "src/cli/main.cc:2: attacks is not among the USES")

    def test_a_room_beside_or_above(self):
        used = {"src/watch/CMakeLists.txt": "ordeal_library(watch USES base)", "src/watch/w.h": "",
                "src/fault/CMakeLists.txt": "ordeal_library(guard USES watch base)",
                "src/fault/c.cc": '#include "watch/w.h"'}
        self.refuses(used, "src/fault/c.cc:1: guard never uses watch")
        used["src/fault/CMakeLists.txt"] = "ordeal_library(target USES expr base)"
        used["src/run/expr/CMakeLists.txt"] = "ordeal_library(expr USES base)"
        used["src/run/expr/s.h"] = ""
        used["src/fault/c.cc"] = '#include "run/expr/s.h"'
        self.refuses(used, "src/fault/c.cc:1: expr is in the room run, which is not below fault")

    def test_a_folder_that_nobody_can_survey(self):
        files = {f"src/core/json/f{i}.cc": "" for i in range(20)}
        self.refuses(files, "src/core/json: 21 files in one folder")

    def test_a_type_that_is_written_in_two_ways(self):
        files = {"src/core/json/x.cc": "template <>\nstruct Codec<Dead> : Whole<Dead> {};",
                 "src/fault/c.cc": "template <>\nstruct Shape<Dead> {};"}
        self.refuses(files, "Dead has a Codec or a Shape in 2 files")
        self.assertEqual(check({"src/core/json/x.cc": "struct Codec<Dead> {};\nstruct Shape<Dead> {};"}), "")

    def test_the_engine_never_uses_a_fault(self):
        self.refuses({"src/run/parts/engine/d.cc": '#include "fault/c.h"'}, "engine never uses attacks")
        self.refuses({"src/run/parts/engine/CMakeLists.txt": "ordeal_library(engine USES json base attacks)"},
                     "engine never uses attacks")

    def test_a_program_elsewhere_that_does_not_link_what_it_includes(self):
        self.refuses({"demo/shop.cc": '#include "fault/c.h"'}, "demo/shop.cc:1: attacks is not used by any program of demo")
        self.refuses({"demo/x/y/shop.h": '#include "fault/c.h"'}, "attacks is not used by any program of demo")

    def test_the_library_for_services_and_the_rest_know_nothing_of_each_other(self):
        self.refuses({"include/ordeal/resilience/e.h": '#include "base/a.h"'}, "uses nothing of src")
        self.refuses({"src/base/f.cc": '#include "ordeal/resilience/e.h"'}, "for services, not for Ordeal's own parts")

    def test_a_folder_without_a_row(self):
        self.refuses({"src/x/misc/CMakeLists.txt": "ordeal_library(misc)"}, "src/x/misc: no row")

    def test_a_file_that_no_library_takes(self):
        self.refuses({"src/core/f.cc": ""}, "src/core/f.cc: belongs to no layer")

    def test_a_header_that_nobody_includes(self):
        self.refuses({"src/base/f.h": "", "src/base/f.cc": '#include "base/f.h"'}, "src/base/f.h: nobody includes it")


class Heavy(unittest.TestCase):
    def refuses(self, files, text):
        self.assertIn(text, check(files))

    def test_a_heavy_header_in_a_header_at_each_depth(self):
        for file in ("src/base/a.h", "src/core/json/b.h", "src/core/json/x/f.h"):
            self.refuses({file: "#include <yaml-cpp/yaml.h>"}, f"{file}:1: <yaml-cpp/yaml.h> is too heavy for a header")

    def test_a_heavy_header_in_too_many_files(self):
        files = {f"src/core/json/{'x/' * (i % 2)}{i}.cc": "#include <yaml-cpp/yaml.h>" for i in range(4)}
        self.refuses(files, "is in 4 files")


class Words(unittest.TestCase):
    def refuses(self, line, text, file="src/core/json/x/f.cc"):
        self.assertIn(f"{file}:1: {text}", check({file: line}))

    def test_what_is_printed_past_the_one_place(self):
        for line in ('fmt::print("{}", name);', "std::cout << name;", 'fprintf(stderr, "x");', "  std::fputs(a, stdout);"):
            self.refuses(line, "what is printed goes through base/output.h")
        self.assertEqual(check({"src/core/json/e.cc": '  print("{}", name); snprintf(a, b); fmt::format("x");'}), "")

    def test_a_shell(self):
        for file in ("src/base/f.cc", "demo/shop.cc", "tests/a/b/f.cc", "bench/f.h"):
            self.refuses("  int x = ::system(text);", "system() and popen() start a shell", file)
        self.refuses('  auto f = popen("ls", "r");', "system() and popen() start a shell")

    def test_words_in_comments_and_in_quotes_are_none(self):
        self.assertEqual(check({"src/base/f.cc": '// system(x)\n/* popen(x)\n system(y) */ auto x = "std::cout TRY(";\n'
                                                 'auto y = R"(\n{a, TRY(b)} system(x))";'}), "")


class LostMembers(unittest.TestCase):
    """What g++ 12 and clang 14 make of a return, or a coroutine that ends, in the middle of braces."""

    def found(self, code):
        lines = check({"src/core/json/x/f.cc": code}).splitlines()
        return [line.split(":")[1] for line in lines if "loses what was made before it" in line]

    def test_after_another_member(self):
        for code in ("Matrix out{{}, to - TRY(length(x)), to};", "return Matrix{a, TRY(b)};", "f({a, TRY(b)});",
                     "A a{.x = b, .y = TRY(c)};", "A a{.y = TRY(c)};", "std::vector<S> v = {a, S(TRY(b))};",
                     "S all[] = {a, S(TRY(b))};", "S all[]{a, TRY(b)};", "A a{b, {TRY(c)}};", "for (S s : {a, TRY(b)}) {}",
                     "A a{b, co_await c};", "auto f = [s = S(), x = TRY(y)] {};", "auto f = [=, x = co_await y] {};",
                     "A a{b,\n TRY(c)};"):
            with self.subTest(code):
                self.assertEqual(self.found(f"Result<> f() {{\n{code}\n}}"), ["3" if "\n" in code else "2"])

    def test_with_nothing_before_it(self):
        for code in ("A a{TRY(b), c};", "f(a, TRY(b));", "A a(b, TRY(c));", "A a{b, [&]() -> Result<int> { return TRY(c); }};",
                     "A a{b, [&] { f(TRY(c)); }};", "if (a, TRY(b)) { TRY(c); }", "int x = 1, y = TRY(z);", "all[TRY(b)] = {a, c};",
                     "for (;;) {\n int x = 1, y = TRY(z); }", "switch (a) { case b: { int x = 1, y = TRY(z); } }",
                     "A a{b, c}; TRY(d);", "struct X { int a, b; Result<> f() const { return TRY(c); } };",
                     "auto f = [a, b] { return TRY(c); };", "co_await f({a, b});"):
            with self.subTest(code):
                self.assertEqual(self.found(f"namespace x {{\nResult<> f(int a, int b) {{\n{code}\n}}\n}}"), [])


if __name__ == "__main__":
    unittest.main()
