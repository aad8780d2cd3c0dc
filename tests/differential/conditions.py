#!/usr/bin/env python3
"""conditions.py ORACLE CONDITION_FILE [--count N] [--seed S]: random conditions in Argo's language, judged by expr-lang
(tests/differential/expr_oracle, a Go program) and by Ordeal, must get the same outcome: true, false, or an error.
Not part of CI: `go build` needs the module proxy. Prints each difference; exit 1 when there are more than one in a
thousand. What is left are whole numbers inside lists, which Go keeps apart, and mistakes that its compiler finds in
constants (`1 % 0`)."""
import argparse
import random
import subprocess
import sys

RESULTS = ["s:2", "s:0.5", "s:-3", "s:NaN", "s:+Inf", "v:", "v:0.5", "v:NaN", "v:1,2", "v:3,1,NaN", "v:NaN,4"]
NUMBERS = ["0", "1", "2", "3", "0.5", "1.5", "1e3", ".25", "0x10"]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.inside = 0

    def pick(self, *choices):
        return self.random.choice(choices)()

    def number(self, depth):
        literal = lambda: self.random.choice(NUMBERS)
        if depth <= 0:
            return self.pick(literal, literal, lambda: "result", lambda: "result[0]",
                             lambda: "#" if self.inside else "len(result)")
        more = lambda: self.number(depth - 1)
        return self.pick(
            literal, lambda: "result", lambda: "result[0]", lambda: f"result[{self.whole(depth - 1)}]",
            lambda: f"{more()} {self.random.choice('+-*/')} {more()}", lambda: f"{self.whole(depth - 1)} % {self.whole(0)}",
            lambda: f"({more()})", lambda: f"-{more()}", lambda: f"{more()} ** 2", lambda: f"abs({more()})",
            lambda: f"{self.random.choice(['max', 'min'])}({self.random.choice([self.list(depth - 1), more()])})",
            lambda: f"{self.random.choice(['sum', 'mean', 'median', 'first', 'last'])}({self.list(depth - 1)})",
            lambda: f"{self.random.choice(['ceil', 'floor', 'round', 'asFloat', 'asInt'])}({more()})",
            lambda: f"default({more()}, {more()})", lambda: f"({self.truth(depth - 1)} ? {more()} : {more()})",
            lambda: f"find({self.list(depth - 1)}, {self.predicate(depth - 1)})", lambda: self.whole(depth - 1))

    def whole(self, depth):
        return self.pick(lambda: "len(result)", lambda: "1", lambda: "0", lambda: "-1", lambda: "asInt(result)",
                         lambda: f"count({self.list(depth - 1)}, {self.predicate(depth - 1)})",
                         lambda: f"len({self.list(depth - 1)})", lambda: "len(result) - 1")

    def list(self, depth):
        if depth <= 0:
            return self.random.choice(["result", "result", "result", "[1.0, 2.0]"])
        return self.pick(lambda: "result", lambda: f"[{self.random.choice(NUMBERS)}, result[0]]", lambda: "result",
                         lambda: f"filter({self.list(depth - 1)}, {self.predicate(depth - 1)})",
                         lambda: f"map({self.list(depth - 1)}, {self.expression()})",
                         lambda: f"sort({self.list(0)})")

    def expression(self):
        self.inside += 1
        text = self.pick(lambda: "#", lambda: "# * 2", lambda: "# + result[0]", lambda: "abs(# - 1.5)")
        self.inside -= 1
        return text

    def predicate(self, depth):
        self.inside += 1
        text = self.pick(lambda: "# > 1", lambda: "# < 0.6", lambda: self.truth(depth))
        self.inside -= 1
        return text

    def truth(self, depth):
        compare = lambda: f"{self.number(depth - 1)} {self.random.choice(['<', '<=', '>', '>=', '==', '!='])} {self.number(depth - 1)}"
        if depth <= 0:
            return self.pick(compare, lambda: "true", lambda: "false")
        more = lambda: self.truth(depth - 1)
        every = lambda: self.random.choice(["all", "any", "none", "one"])
        return self.pick(
            compare, compare, compare, lambda: f"{more()} {self.random.choice(['&&', '||', 'and', 'or'])} {more()}",
            lambda: f"{self.random.choice(['!', 'not '])}({more()})", lambda: f"({more()})",
            lambda: f"{every()}({self.list(depth - 1)}, {self.predicate(depth - 1)})",
            lambda: f"{self.random.choice(['result[0]', '2', 'len(result)', '0.5'])} {self.random.choice(['in', 'not in'])} {self.list(depth - 1)}",
            lambda: f"result {self.random.choice(['in', 'not in'])} [1, 0.5]", lambda: "result in 1..3",
            lambda: f"isNaN({self.number(0)})", lambda: f"isInf({self.random.choice(['max', 'min'])}(result))",
            lambda: f"isInf({self.number(0)} {self.random.choice('+-*/')} {self.number(0)})",
            lambda: f"isNil({self.number(depth - 1)})", lambda: f"{self.number(depth - 1)} == nil",
            lambda: f"{self.number(0)} < {self.number(depth - 1)} <= {self.number(0)}",
            lambda: f"{more()} ? {more()} : {more()}", lambda: f"{self.list(depth - 1)} == {self.list(0)}")


def outcome(line):
    return line if line in ("true", "false") else "error"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("oracle")
    parser.add_argument("condition_file")
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    maker = Maker(options.seed)
    lines = [f"{maker.random.choice(RESULTS)}\t{maker.truth(maker.random.randint(1, 4))}" for _ in range(options.count)]
    lines = [line for line in lines if len(line) < 4000]
    text = "\n".join(lines) + "\n"
    said = [subprocess.run([program], input=text, capture_output=True, text=True, check=True).stdout.splitlines()
            for program in (options.oracle, options.condition_file)]
    differ = [(line, *pair) for line, *pair in zip(lines, *said) if outcome(pair[0]) != outcome(pair[1])]
    for line, argo, ordeal in differ[:40]:
        print(f"{line}\n  expr-lang: {argo}\n  Ordeal:    {ordeal}")
    counts = {word: sum(outcome(line) == word for line in said[0]) for word in ("true", "false", "error")}
    print(f"{len(lines)} conditions ({counts}), {len(differ)} differ")
    return 1 if len(differ) > len(lines) / 1000 or not all(counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
