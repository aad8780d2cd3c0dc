"""What the suites print: a line per case, and the failures with what is needed to repeat them."""
import statistics


class Report:
    def __init__(self):
        self.failures, self.cases = [], 0

    def case(self, name, problems=(), note=""):
        problems = list(problems)
        self.cases += 1
        print(f"{'FAIL' if problems else 'ok  '} {name}{': ' + note if note else ''}", flush=True)
        for problem in problems:
            print("     " + problem, flush=True)
            self.failures.append(f"{name}: {problem}")

    def finish(self):
        print(f"{self.cases} cases, {len(self.failures)} problems", flush=True)
        return 1 if self.failures else 0


def millis(values):
    """"p50 3 ms, max 9 ms" of seconds."""
    if not values:
        return "never"
    return f"p50 {statistics.median(values) * 1e3:.0f} ms, max {max(values) * 1e3:.0f} ms"


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
