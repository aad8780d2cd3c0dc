"""The GameDay of the demo: partition from the database, payment service unreachable. Each ends with a verdict and nothing stays."""
from demo_run import DemoRun
from demo_suite import report_problems

OUTCOMES = {"partition": "held", "payments": "held"}


def run_suite(report, options):
    demo = DemoRun(options.build, "--gameday")
    try:
        code = demo.wait(140)
        report.case("demo/run --gameday ends well", [] if code == 0 else [f"exit {code}", *demo.text().splitlines()[-40:]])
        for key, outcome in OUTCOMES.items():
            report.case(f"{key}: {outcome}", report_problems(demo, key, outcome))
        bad = [event["data"]["error"] for event in demo.of_type("reverted") if event["data"]["result"] == "failed"]
        report.case("every fault was reverted", bad, f"{len(demo.of_type('reverted'))} impacts")
        report.case("nothing is left", demo.left_behind())
    finally:
        demo.close()
