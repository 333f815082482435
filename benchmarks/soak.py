"""soak: whether the server's memory and descriptors stay what they are under a mixed load that goes on and on.

Rounds of synchronous invokes, events, function errors and refused requests; after each round the queue is let run empty
and the server's resident memory is read. The first quarter is for warming up. `--minutes` says how long (1; an honest
answer takes 10 or more).
"""

import json
import time
import urllib.request
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import processes
from benchmarks.child import Child
from benchmarks.options import Options
from benchmarks.runtimes import runtime_named
from benchmarks.server import EVENT, Keys, Server, encoded, invoke_request
from benchmarks.statistics_of_pairs import judged

CODE = (
    "def handler(event, context):\n    if event.get('fails'):\n        raise ValueError('as asked')\n    return event\n"
)
FAILS = json.dumps({"fails": True}).encode()
ENVIRONMENT = {"LAMPLIGHTER_MAX_ENVIRONMENTS": "4", "LAMPLIGHTER_ASYNC_TIME_SCALE": "0.001"}
GROWTH_BOUND = 0.03
EMPTY_SECONDS = 60.0
ANSWER_SECONDS = 60.0
LEAST_ROUNDS = 8


def run(folder: Path, options: Options) -> dict[str, Any]:
    """The whole scenario as one JSON-able record."""
    runtime_named(options.runtime)
    with Server(folder, environment=ENVIRONMENT) as server, Child("load", folder) as load:
        server.create_function("soaks", options.runtime, {"app.py": CODE}, "app.handler")
        rounds = _rounds(server, load, options.minutes * 60)
    kept = rounds[len(rounds) // 4 :]
    growth = _growth([one["resident_mib"] for one in kept])
    descriptors = [one["descriptors"] for one in kept]
    return {
        "minutes": options.minutes,
        "rounds": len(rounds),
        "requests": sum(one["requests"] for one in rounds),
        "resident_mib": {"first": rounds[0]["resident_mib"], "last": rounds[-1]["resident_mib"]},
        "resident_mib_after_each_round": [one["resident_mib"] for one in rounds],
        "slope_mib_an_hour": round(_slope(kept), 3),
        "bounds": [
            judged("growth of resident memory after warming up", round(growth, 4), GROWTH_BOUND, at_most=True),
            judged("descriptors more at the end", descriptors[-1] - min(descriptors), 0, at_most=True),
            judged("wrong answers", sum(one["wrong"] for one in rounds), 0, at_most=True),
        ],
    }


def _rounds(server: Server, load: Child, seconds: float) -> list[dict[str, Any]]:
    began = time.monotonic()
    found: list[dict[str, Any]] = []
    while time.monotonic() - began < seconds or len(found) < LEAST_ROUNDS:
        asked = [load.ask(question, ANSWER_SECONDS) for question in _questions(server.keys)]
        _wait_empty(server)
        found.append(
            {
                "at_seconds": time.monotonic() - began,
                "requests": sum(one["requests"] for one in asked),
                "wrong": sum(one["wrong"] for one in asked),
                "resident_mib": round(processes.resident_mib(server.pid), 2),
                "descriptors": processes.descriptors(server.pid),
            }
        )
    return found


def _questions(keys: Keys) -> list[dict[str, Any]]:
    """One window of each kind, signed now."""

    def window(seconds: float, clients: int, request: bytes, status: int, expected: bytes | None) -> dict[str, Any]:
        return {
            "host": keys.host,
            "port": keys.port,
            "clients": clients,
            "seconds": seconds,
            "request": encoded(request),
            "expected": None if expected is None else encoded(expected),
            "status": status,
        }

    event_type = {"X-Amz-Invocation-Type": "Event"}
    return [
        window(1.5, 8, invoke_request(keys, "soaks"), 200, EVENT),
        window(0.3, 4, invoke_request(keys, "soaks", headers=event_type), 202, b""),
        window(0.1, 1, invoke_request(keys, "soaks", body=FAILS, headers=event_type), 202, b""),
        window(0.5, 4, invoke_request(keys, "soaks", body=FAILS), 200, None),
        window(0.3, 2, invoke_request(keys, "missing"), 404, None),
        window(0.3, 2, invoke_request(keys, "soaks", body=b"{"), 400, None),
    ]


def _wait_empty(server: Server) -> None:
    deadline = time.monotonic() + EMPTY_SECONDS
    while _queued(server):
        if time.monotonic() > deadline:
            raise RuntimeError("the queue of events does not run empty")
        time.sleep(0.05)


def _queued(server: Server) -> float:
    with urllib.request.urlopen(f"{server.endpoint}/metrics", timeout=20) as page:  # noqa: S310  # our own server
        lines = page.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("lamplighter_async_events_queued"))


def _growth(values: list[float]) -> float:
    """From the first third's median to the last third's, as a share."""
    third = max(1, len(values) // 3)
    return median(values[-third:]) / median(values[:third]) - 1


def _slope(rounds: list[dict[str, Any]]) -> float:
    """The straight line through memory by time (least squares)."""
    times = [one["at_seconds"] / 3600 for one in rounds]
    values = [one["resident_mib"] for one in rounds]
    middle, level = sum(times) / len(times), sum(values) / len(values)
    spread: float = sum((at - middle) ** 2 for at in times)
    rise: float = sum((at - middle) * (value - level) for at, value in zip(times, values, strict=True))
    return rise / spread
