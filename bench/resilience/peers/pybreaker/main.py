"""pybreaker in the cases of ../README.md: reads a case a line, answers "pybreaker CASE NS"."""
import sys
import threading
import time

import pybreaker

CALLS = 20_000
CALLS_OF_TWO = 50_000  # the interpreter's lock changes hands each 5 ms
NEVER = 10**9


def good():
    return 1


def bad():
    raise ValueError


def calls(breaker, function, count):
    for _ in range(count):
        try:
            breaker.call(function)
        except (ValueError, pybreaker.CircuitBreakerError):
            pass


def timed(breaker, function, count=CALLS):
    began = time.perf_counter_ns()
    calls(breaker, function, count)
    return (time.perf_counter_ns() - began) / count


def timed_by_two(breaker, function):
    """Nanoseconds a call in each of two threads; -1 unless they overlapped for 80 % of the time."""
    both, times = threading.Barrier(2), []

    def one():
        both.wait()
        began = time.perf_counter_ns()
        calls(breaker, function, CALLS_OF_TWO)
        times.append((began, time.perf_counter_ns()))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    begins, ends = zip(*times)
    if min(ends) - max(begins) < 0.8 * (max(ends) - min(begins)):
        return -1
    return (sum(ends) - sum(begins)) / (2 * CALLS_OF_TWO)


def closed():
    return pybreaker.CircuitBreaker(fail_max=NEVER, reset_timeout=3600)


def opened():
    breaker = closed()
    breaker.open()
    return breaker


CASES = {
    "A1": lambda: timed(closed(), good),
    "B": lambda: timed_by_two(closed(), good),
    "C": lambda: timed(opened(), good),
    "C two": lambda: timed_by_two(opened(), good),
    "D": lambda: timed(closed(), bad),
}

for line in sys.stdin:
    case = line.rstrip("\n")
    took = CASES[case]() if case in CASES else -1
    print(f"pybreaker\t{case}\t{took:.2f}", flush=True)
