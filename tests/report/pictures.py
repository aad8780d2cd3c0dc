#!/usr/bin/env python3
"""pictures.py BUILD [--kinds KIND,…] [--out DIR]: reports as a browser shows them.

Each kind of run's page is opened in headless Chromium, 1280 and 390 px wide, light and dark, and photographed into DIR.
Nothing may leave the window or its box, no text may lie on another, the page's own policy may refuse nothing that the page
needs, and every figure on the page is the JSON report's (figures.py). A reading shows under the pointer.

The kinds of real_runs.py are real runs (as root); those of `report_sample` are the engine's, in a world without a kernel.
Exit 77 where there is no Chromium."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import figures
import real_runs

HERE = Path(__file__).parent
PLAYWRIGHT = "1.65.2"
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")
SAMPLES = ("not-proven", "not-injected", "refused", "failed-revert", "interrupted", "troubled", "long", "small", "index")


def playwright():
    """Debian has no Playwright: it goes into a folder of its own, without a browser of its own."""
    folder = Path(os.environ.get("ORDEAL_CACHE", Path.home() / ".cache/ordeal")) / f"playwright-{PLAYWRIGHT}"
    if not (folder / "done").exists():
        venv.create(folder, with_pip=True)
        pip = [folder / "bin/pip", "install", "-q", "--disable-pip-version-check", f"playwright=={PLAYWRIGHT}"]
        subprocess.run(pip, check=True, stdout=subprocess.DEVNULL)
        (folder / "done").touch()
    sys.path[:0] = [str(path) for path in folder.glob("lib/python*/site-packages")]
    from playwright.sync_api import sync_playwright
    return sync_playwright


class Album:
    """What is wrong with the pages, and their pictures."""

    def __init__(self, build, folder):
        self.ordeal, self.sample = str(build / "ordeal"), str(build / "bin/report_sample")
        self.folder, self.problems = folder, []
        self.spoiled, self.taken = False, 0

    def make(self, kind):
        html, data = (str(self.folder / f"{kind}.{ending}") for ending in ("html", "json"))
        if kind == "index":
            subprocess.run([self.sample, html, kind], check=True, timeout=60)
            return html, None
        if kind in real_runs.KINDS:
            real_runs.make(self.ordeal, kind, html, data)
        else:
            for file in (html, data):
                subprocess.run([self.sample, file, kind], check=True, timeout=60)
        return html, json.loads(Path(data).read_text())

    def complain(self, where, found):
        self.problems += [f"{where}: {problem}" for problem in found]

    def look(self, browser, kind):
        html, report = self.make(kind)
        self.complain(kind, [f"not so: {fact}" for fact in real_runs.false_facts(kind, report)])
        for width in WIDTHS:
            for scheme in SCHEMES:
                where = f"{kind}-{width}-{scheme}"
                context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
                page = context.new_page()
                said = []
                page.on("console", lambda message: said.append(message.text))
                page.on("pageerror", lambda error: said.append(str(error)))
                page.goto(f"file://{html}")
                self.taken += 1
                page.screenshot(path=self.folder / f"{where}.png", full_page=True)
                self.complain(where, page.evaluate((HERE / "page.js").read_text()))
                if report:
                    self.complain(where, check_figures(page, report))
                    self.complain(where, check_pointer(page, report))
                self.complain(where, said)
                if report and not self.spoiled:
                    self.spoiled = True
                    self.complain(where, what_is_not_found(page, report))
                context.close()


def what_is_not_found(page, report):
    """The page spoiled in each way that is looked for; what the looking then misses."""
    missed = []
    spoil = {
        "a figure that is not the JSON's": ("document.querySelector('.tiles b').textContent = '4711 ms'", "4711"),
        "a sentence that is not the JSON's": ("document.querySelector('.whens li b').textContent = '9 ms'", "and the JSON says"),
        "what is wider than the window": ("document.querySelector('h1').style.width = '5000px'", "the page is 5"),
        "text on text": ("document.querySelector('h1').style.marginBottom = '-40px'", "lies on"),
    }
    for what, (script, expected) in spoil.items():
        page.evaluate(script)
        found = [*page.evaluate((HERE / "page.js").read_text()), *check_figures(page, report)]
        if not any(expected in problem for problem in found):
            missed.append(f"the test does not find {what}")
    return missed


def check_figures(page, report):
    """The sentences made anew from the JSON's numbers, then every other figure that a reader sees."""
    problems = []
    cards = page.evaluate("""() => [...document.querySelectorAll(".card")].map(card => ({
        whens: [...card.querySelectorAll(".whens li")].map(e => e.textContent),
        effect: (card.querySelector(".effect") || {textContent: ""}).textContent}))""")
    if len(cards) != len(report["expectations"]):
        problems.append(f"{len(cards)} cards of {len(report['expectations'])} expectations")
    for card, expectation in zip(cards, report["expectations"]):
        for shown, expected in zip([*card["whens"], card["effect"]], [*figures.whens(expectation), figures.effect(report, expectation)]):
            if shown != expected:
                problems.append(f"shows \"{shown}\", and the JSON says \"{expected}\"")
    tiles = page.evaluate("""() => [...document.querySelectorAll(".tiles li")].map(
        tile => [tile.querySelector("b").textContent, tile.querySelector("span").textContent])""")
    for figure, name in figures.tiles(report):
        if not any(figure == shown and name in named for shown, named in tiles):
            problems.append(f"no tile \"{figure}\" ({name}) among {tiles}")
    text = page.evaluate("""() => {
        const copy = document.querySelector("main").cloneNode(true);
        copy.querySelectorAll("script, pre, .query, svg .x, svg .y, svg desc, svg title, footer").forEach(e => e.remove());
        const pieces = [];
        const walker = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) pieces.push(walker.currentNode.data);
        return pieces.join(" \\n ");
    }""")
    known = figures.known(report)
    problems += [f"\"{figure}\" is not in the JSON report" for figure in sorted(figures.figures_of(text) - known)]
    return problems


def check_pointer(page, report):
    """The reading under the pointer, at the middle of each chart, is shown within the chart."""
    problems = []
    for index, figure in enumerate(page.query_selector_all("figure[data-points]")):
        points = figure.get_attribute("data-points")
        if not points:
            continue
        readings = [tuple(point.split(",", 1)) for point in points.split("\n")]
        figure.scroll_into_view_if_needed()
        chart = next(svg for svg in figure.query_selector_all("svg") if svg.is_visible())
        box, unit = chart.bounding_box(), report["expectations"][index]["unit"]
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.6)
        tip = figure.query_selector("output")
        if not tip or not tip.is_visible():
            problems.append("no reading shows under the pointer")
            continue
        shown, place, said = tip.text_content(), tip.bounding_box(), report["expectations"][index]["name"]
        if not any(shown == f"{reading} at {at}\u00a0s" for at, reading in readings):
            problems.append(f"the pointer shows \"{shown}\", which is no reading of {said}")
        if place["x"] < box["x"] - 1 or place["x"] + place["width"] > box["x"] + box["width"] + 1:
            problems.append(f"the reading of {said} leaves its chart")
        thinned = len(readings) > 500  # then only the extremes of each slice of time are drawn
        worst = [w["worst"] for w in report["expectations"][index]["when"] if w["worst"] is not None and not thinned]
        drawn = [reading for _, reading in readings]
        problems += [f"the worst reading of {said}, {w}, is not drawn" for w in worst if figures.quantity(w, unit) not in drawn]
        page.mouse.move(1, 1)
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=[*real_runs.KINDS, *SAMPLES])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if not chromium:
        print("skipped: there is no Chromium (Debian's package chromium)")
        return 77
    if os.geteuid() != 0 and set(options.kinds) & set(real_runs.KINDS):
        print("skipped: real runs need root")
        return 77
    folder = options.out or Path(tempfile.mkdtemp(prefix="ordeal-pictures-"))
    folder.mkdir(parents=True, exist_ok=True)
    album = Album(options.build.resolve(), folder.resolve())
    try:
        with playwright()() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            for kind in options.kinds:
                album.look(browser, kind)
            browser.close()
    finally:
        if not options.out:
            shutil.rmtree(folder)
    print("\n".join(album.problems))
    print(f"{album.taken} pictures of {len(options.kinds)} kinds of report, {len(album.problems)} problems")
    return 1 if album.problems else 0


if __name__ == "__main__":
    sys.exit(main())
