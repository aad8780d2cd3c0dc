"""Figures of a page and of the JSON report of the same run. The numbers are written here a second time, from the JSON's
raw ones, by the rules of core/base/text/quantity.h: three significant digits, the unit behind."""
import math
import re

THIN, HARD = "\u2009", "\u00a0"
FIGURE = re.compile(r"(?<![\w.])-?\d[\d\u2009]*(?:\.\d+)?(?:\u00a0?(?:ms|µs|s|min|%|GiB|MiB|KiB|B)\b|\u00a0%|%|×)?")


def number(value):
    size = abs(value)
    if size and (size < 1e-6 or size >= 1e12):
        return f"{value:.3g}"
    digits = 0 if size == 0 else max(0, min(8, 2 - math.floor(math.log10(size))))
    text = f"{value:.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    text = "0" if text == "-0" else text
    if size >= 1e4:
        whole, dot, rest = text.partition(".")
        text = f"{int(whole):,}".replace(",", THIN) + dot + rest
    return text


def quantity(value, unit):
    if unit == "ratio":
        return number(value * 100) + HARD + "%"
    if unit == "s":
        if abs(value) >= 1:
            return number(value) + HARD + "s"
        if value == 0 or abs(value) >= 1e-3 or abs(value) < 1e-6:
            return number(value * 1e3) + HARD + "ms"
        return number(value * 1e6) + HARD + "µs"
    return number(value) + (HARD + unit if unit else "")


def latency(ms):
    if ms < 60000:
        return quantity(ms / 1000, "s")
    whole = int(ms // 1000)
    return f"{whole // 60}{HARD}min" + (f" {whole % 60}{HARD}s" if whole % 60 else "")


def times(factor):
    return f"{factor:.{0 if factor >= 10 else 1 if factor >= 1 else 2}f}×"


def effect(report, expectation):
    """The sentence of an expectation's effect."""
    said, unit, parts = expectation["effect"], expectation["unit"], []
    if said["factor"] is not None and abs(said["factor"] - 1) >= 0.05:
        parts.append(f"{quantity(said['before'], unit)} before, {quantity(said['during'], unit)} during the attack ({times(said['factor'])})")
    if said["left_limit"]:
        took = said["recovered_ms"]
        killed = report["impacts"] and all(impact["irreversible"] for impact in report["impacts"])
        parts.append("not back within its limit when the run ended" if took is None else
                     "back within its limit while the fault was still on" if took <= 0 else
                     f"back within its limit {latency(took)} after {'the kill' if killed else 'the fault was off'}")
    return "; ".join(parts)


def whens(expectation):
    """The line of each time of an expectation, as the page has it."""
    lines = []
    for when in expectation["when"]:
        reached = when["standing"] != "not reached"
        text = f"{when['when']}, {when['value_is']} " if reached else when["when"]
        if reached:
            text += "no data" if when["value"] is None else quantity(when["value"], expectation["unit"])
            if when["worst"] is not None and when["worst"] != when["value"]:
                text += ", worst " + quantity(when["worst"], expectation["unit"])
        mark = {"not reached": "–", "held": "✓", "breached": "✕", "undecided": "?"}[when["standing"]]
        lines.append(f"{text} {mark} {when['standing']}")
    return lines


def tiles(report):
    """What must stand in tiles, as (figure, what of the name), from the raw numbers."""
    timings, attack, expected = report["timings"], report["attack"], []
    for key, name in (("fault_on_to_breach_ms", "to breach"), ("halt_to_reverted_ms", "halt to fault off"),
                      ("fault_in_force_ms", "fault in force")):
        if timings[key] is not None:
            expected.append((latency(timings[key]), name))
    if timings["recovered_ms"]:
        expected.append((latency(timings["recovered_ms"]), "recovered in"))
    if report["impacts"]:
        expected.append((f"{attack['confirmed']} of {attack['hit']}", "faults confirmed"))
    for impact in report["impacts"]:
        if impact["runs_again"] is False:
            expected.append(("✕\u00a0not running", impact["victim"]))
        if impact["result"] == "failed":
            expected.append(("!\u00a0not reverted", impact["victim"]))
    if any(not action["ok"] for action in report["rollback"]):
        expected.append(("✕\u00a0rollback failed", ""))
    return expected


def figures_of(text):
    return {match.group().replace(HARD, " ") for match in FIGURE.finditer(text.replace("\u202f", THIN))}


def known(report):
    """Every figure that the JSON report has, as a page may write it."""
    figures = set()

    def add(key, value, unit):
        if isinstance(value, bool) or value is None:
            return
        if isinstance(value, str):
            figures.update(figures_of(value))
        elif isinstance(value, list):
            for item in value:
                add(key, item, unit)
        elif isinstance(value, dict):
            for name, item in value.items():
                add(name, item, value.get("unit", unit) if name != "experiment" else "")
        else:
            texts = [quantity(value, unit or ""), number(value), f"{value:g}"]
            if key.endswith("_ms"):
                texts.append(latency(value))
            if key.endswith("_s"):
                texts += [f"{value:.1f} s", latency(value * 1000)]
            if key == "factor":
                texts.append(times(value))
            if key == "asked_percentage":
                texts.append(f"{value:g} %")
            for text in texts:
                figures.update(figures_of(text))

    add("", report, "")
    phases = {phase["phase"]: phase for phase in report["phases"]}
    experiment = report["experiment"] or {}
    for name in ("baseline", "recovery"):  # how long a phase is planned to be
        if name in experiment:
            figures.add(latency(milliseconds(experiment[name])).replace(HARD, " "))
    figures.add(latency(report["attack"]["length_ms"]).replace(HARD, " "))
    del phases
    attack = report["attack"]
    if attack.get("candidates"):
        figures.add(f"{100 * attack['hit'] / attack['candidates']:.0f} %")
    for some in (report["impacts"], report["expectations"], report["victims"]):
        figures.add(str(len(some)))
    date = report["started"]
    figures.update(figures_of(f"{date[:10]} {date[11:19]}"))
    figures.add(str(report.get("seed")))
    return figures


def milliseconds(duration):
    units = {"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4, "h": 3.6e6, "d": 8.64e7}
    return sum(float(n) * units[unit] for n, unit in re.findall(r"([\d.]+)(ns|us|ms|s|m|h|d)", duration))
