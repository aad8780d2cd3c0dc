#!/usr/bin/env python3
"""What the pages say is there: every link leads somewhere, every file and suite that is named exists, and nothing outside the
repository is cited."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
NAMED = re.compile(r"`([\w./-]+)`")
OUTSIDE = re.compile(r"DESIGN §|DESIGN\.md|\bfacts (?:§|say)|facts/\w+\.md|\.\./shared|\b[Tt]he brief\b")
FOLDERS = ("src/", "tests/", "docs/", "scripts/", "bench/", "demo/", "include/", "schema/", "fuzz/")


def files(*patterns):
    for folder in ("src", "include", "tests", "docs", "demo", "bench", "fuzz", "scripts"):
        for pattern in patterns:
            yield from (ROOT / folder).rglob(pattern)


def bad_links(page, text):
    for target in LINK.findall(text):
        if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
            yield f"the link {target} leads nowhere"


def bad_names(text, names, suites):
    for name in NAMED.findall(text):
        if name.startswith(FOLDERS) and "…" not in name and not (ROOT / name).exists():
            yield f"{name} does not exist"
        elif re.fullmatch(r"\w+_test\.(cc|py)", name) and name not in names:
            yield f"no file has the name {name}"
        elif re.fullmatch(r"crash\.\w+", name) and name[6:] not in suites:
            yield f"there is no suite {name}"


def main():
    names = {path.name for path in files("*.cc", "*.py", "*.h")}
    suites = {path.name.removesuffix("_suite.py") for path in (ROOT / "tests/crash").glob("*_suite.py")}
    problems = []
    for page in [*ROOT.glob("*.md"), *files("*.md")]:
        text = page.read_text()
        problems += [f"{page.relative_to(ROOT)}: {what}" for what in [*bad_links(page, text), *bad_names(text, names, suites)]]
    for path in [*ROOT.glob("*.md"), *files("*.md", "*.h", "*.cc", "*.py", "*.txt", "*.yaml")]:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if path != Path(__file__).resolve() and OUTSIDE.search(line):
                problems.append(f"{path.relative_to(ROOT)}:{number}: cites what is not in the repository: {line.strip()[:80]}")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
