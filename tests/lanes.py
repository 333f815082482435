"""Runs the test lanes one after the other, each with a deadline, and says what passed, failed or was skipped.

Started by scripts/test. It is the reaper of everything its lanes start, so a process that outlives its lane is
noticed, named, killed and counted as a failure. Must not know what a lane tests.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from xml.etree import ElementTree as ET

from tests import leftovers

HOME = Path(__file__).parents[1]
TOTAL_SECONDS = 1440
NO_TESTS = 5


@dataclass(frozen=True, slots=True)
class Lane:
    """One folder of tests. `processes` is how many tests may run at once; timing-sensitive lanes run alone."""

    name: str
    seconds: int
    processes: int


LANES = (
    Lane("unit", 120, 2),
    Lane("storage", 180, 2),
    Lane("contract", 240, 2),
    Lane("moto_suite", 300, 0),
    Lane("e2e", 600, 0),
    Lane("security", 300, 0),
    Lane("reliability", 420, 0),
)


@dataclass(slots=True)
class Outcome:
    """What one lane came to. `trouble` is what went wrong apart from failing tests."""

    lane: str
    passed: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    trouble: list[str] = field(default_factory=list)

    def line(self) -> str:
        word = "FAILED" if self.failed or self.trouble else "ok"
        counts = f"{self.passed} passed, {self.failed} failed, {self.skipped.total()} skipped"
        return f"{word:<7} {self.lane:<12} {counts:<40} {self.seconds:6.1f} s"


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    leftovers.become_reaper()
    scratch = Path(mkdtemp(prefix="ll-test-"))
    scratch.chmod(0o711)  # tests that become another user pass through it
    marks = ("lamplighter", scratch.name)
    before = leftovers.snapshot(marks)
    deadline = time.monotonic() + TOTAL_SECONDS
    outcomes: list[Outcome] = []
    try:
        for lane in (lane for lane in LANES if lane.name in options.lanes):
            outcomes += [_run(lane, options, scratch, deadline)]
    finally:
        leftovers.remove_tree(scratch)
    stayed = leftovers.left_behind(before, marks)
    return _report(outcomes, stayed)


def _options(arguments: list[str]) -> argparse.Namespace:
    names = [lane.name for lane in LANES]
    parser = argparse.ArgumentParser(prog="scripts/test", description=f"Runs the test lanes: {', '.join(names)}.")
    parser.add_argument("lanes", nargs="*", metavar="LANE", help="only these lanes")
    parser.add_argument("-k", dest="keyword", metavar="EXPRESSION", help="only tests that match, as in pytest")
    parser.add_argument("-x", dest="stop", action="store_true", help="end a lane at its first failure")
    parser.add_argument("-v", dest="verbose", action="store_true", help="name every test")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.lanes) - set(names))
    if unknown:
        parser.error(f"no such lane: {', '.join(unknown)} (there are: {', '.join(names)})")
    options.lanes = options.lanes or names
    return options


def _command(lane: Lane, options: argparse.Namespace, results: Path) -> list[str]:
    command = [sys.executable, "-m", "pytest", f"tests/{lane.name}", "-p", "no:cacheprovider", f"--junitxml={results}"]
    command += ["-n", str(lane.processes)] if lane.processes else ["-p", "no:xdist"]
    command += ["-v" if options.verbose else "-q", "--durations=3", "--durations-min=5"]
    command += ["-k", options.keyword] if options.keyword else []
    command += ["-x"] if options.stop else []
    return command


def _run(lane: Lane, options: argparse.Namespace, scratch: Path, deadline: float) -> Outcome:
    print(f"\n== {lane.name}", flush=True)
    started = time.monotonic()
    seconds = max(1.0, min(lane.seconds, deadline - started))
    results = scratch / f"{lane.name}.xml"
    environment = {**os.environ, "TMPDIR": str(scratch)}
    with subprocess.Popen(
        _command(lane, options, results), cwd=HOME, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    ) as pytest:
        code = _wait(pytest, seconds)
    outcome = _read(lane, results)
    outcome.seconds = time.monotonic() - started
    if code is None:
        outcome.trouble.append(f"did not end within {seconds:.0f} s and was killed")
    elif code == NO_TESTS and not options.keyword:
        outcome.trouble.append("has no tests")
    elif code not in (0, 1, NO_TESTS):
        outcome.trouble.append(f"pytest ended with {code}")
    outcome.trouble += [f"left a process behind: {name}" for name in leftovers.end_orphans()]
    return outcome


def _wait(pytest: subprocess.Popen[bytes], seconds: float) -> int | None:
    try:
        return pytest.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        # Interrupted first, so that pytest says which test was running and writes down what it has so far.
        for number, patience in ((signal.SIGINT, 20), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            if pytest.poll() is not None:
                break
            os.killpg(pytest.pid, number)
            with suppress(subprocess.TimeoutExpired):
                pytest.wait(timeout=patience)


def _read(lane: Lane, results: Path) -> Outcome:
    outcome = Outcome(lane.name)
    if not results.exists():
        return outcome
    for case in ET.parse(results).getroot().iter("testcase"):  # noqa: S314  # written by our own pytest
        skipped = case.find("skipped")
        if skipped is not None:
            outcome.skipped[skipped.get("message") or "no reason given"] += 1
        elif case.find("failure") is not None or case.find("error") is not None:
            outcome.failed += 1
        else:
            outcome.passed += 1
    return outcome


def _report(outcomes: list[Outcome], stayed: list[str]) -> int:
    print("\n== lanes")
    for outcome in outcomes:
        print(outcome.line())
        for trouble in outcome.trouble:
            print(f"        {outcome.lane} {trouble}")
        for reason, count in sorted(outcome.skipped.items()):
            print(f"        skipped {count}: {reason}")
    for thing in stayed:
        print(f"FAILED  left behind: {thing}")
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed + len(outcome.trouble) for outcome in outcomes) + len(stayed)
    skipped = sum(outcome.skipped.total() for outcome in outcomes)
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
