"""async: what durable acceptance of events costs, how soon an event starts, how soon a killed server goes on.

Accepting: signed Event invokes from 64 clients against the bare store's group commit of entries of the same size, in
interleaved windows; hardly anything is dispatched meanwhile. Starting: from the first byte sent to the handler's first
line, beside whole synchronous invokes of the same function, and while another function's flood waits. Going on: kill -9
with what the first part has queued.
"""

import json
import os
import signal
import subprocess
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.child import Child
from benchmarks.options import Options
from benchmarks.runtimes import runtime_named
from benchmarks.server import LAMPLIGHTER, Keys, Server, encoded, invoke_request
from benchmarks.statistics_of_pairs import judged, percentile, ratio, summary
from benchmarks.windows import Figures, column, interleave

CLIENTS = 64
EVENT = json.dumps({"text": "x" * 1000}).encode()
STORED_BYTES = len(EVENT) + 250
QUEUED = 100_000
SLEEPS = "import time\n\ndef handler(event, context):\n    time.sleep(25)\n"
TELLS = "import time\n\ndef handler(event, context):\n    print('BEGAN', context.aws_request_id, time.time())\n"
STARTS = 300
WAITS = "import time\n\ndef handler(event, context):\n    time.sleep(1)\n"
FLOOD = 2_000
FLOODED_STARTS = 60
# So few places that a flood which got all of them would be noticed at once.
EIGHT = {"LAMPLIGHTER_ASYNC_CONCURRENCY": "8"}
# Two places, of which one function gets one: the queue fills, and the processors are free for accepting.
FEW = {"LAMPLIGHTER_ASYNC_CONCURRENCY": "2"}
ANSWER_SECONDS = 60.0
_EVENT_TYPE = {"X-Amz-Invocation-Type": "Event"}


def run(folder: Path, options: Options) -> dict[str, Any]:
    """The whole scenario as one JSON-able record."""
    runtime_named(options.runtime)
    clients = (options.clients or (CLIENTS,))[0]
    record: dict[str, Any] = {
        "accept": _accept_and_go_on(folder, options, clients),
        "start": _start(folder, options),
        "flooded": _flooded(folder, options),
    }
    accepted = record["accept"]
    record["bounds"] = [
        judged("accepted over the bare store's commits", accepted["rate_over_store"]["median"], 0.25, at_most=False),
        judged("events accepted a second", accepted["ours"]["rate"]["median"], 8000, at_most=False),
        judged("p99 of accepting, ms", accepted["ours"]["p99_ms"]["median"], 40, at_most=True),
        judged("accept to start over a sync invoke, p50", record["start"]["ratio"], 3.0, at_most=True),
        judged("accept to start beside a flood over alone, p50", record["flooded"]["ratio"], 3.0, at_most=True),
        judged("seconds from ready to first dispatch", accepted["first_dispatch_seconds"], 2.0, at_most=True),
    ]
    return record


def _accept_and_go_on(folder: Path, options: Options, clients: int) -> dict[str, Any]:
    place = folder / "accept"
    place.mkdir()
    with ExitStack() as stack:
        server = stack.enter_context(Server(place, environment=FEW))
        server.create_function("sleeps", options.runtime, {"app.py": SLEEPS}, "app.handler")
        load = stack.enter_context(Child("load", place))
        store = stack.enter_context(Child("store_commits", place, str(place / "store")))
        request = invoke_request(server.keys, "sleeps", body=EVENT, headers=_EVENT_TYPE)

        def ours(seconds: float = options.seconds) -> Figures:
            return _window(load, server.keys, request, clients, seconds)

        def bare() -> Figures:
            question = {"clients": clients, "seconds": options.seconds, "body_bytes": STORED_BYTES}
            answered: Figures = store.ask(question, options.seconds + ANSWER_SECONDS)
            return answered

        ours(0.5)
        mine, theirs = interleave(options.pairs, ours, bare)
        while _figure(server.endpoint, "lamplighter_async_events_queued") < QUEUED:
            ours(2.0)
        return {
            "clients": clients,
            "ours": _figures(mine),
            "store": _figures(theirs),
            "rate_over_store": ratio(column(mine, "rate"), column(theirs, "rate")),
            **_go_on(server, place),
        }


def _window(load: Child, keys: Keys, request: bytes, clients: int, seconds: float) -> Figures:
    question = {
        "host": keys.host,
        "port": keys.port,
        "clients": clients,
        "seconds": seconds,
        "request": encoded(request),
        "expected": encoded(b""),
        "status": 202,
    }
    answered: Figures = load.ask(question, seconds + ANSWER_SECONDS)
    return answered


def _figures(windows: list[Figures]) -> dict[str, Any]:
    return {name: summary(column(windows, name)) for name in ("rate", "p50_ms", "p99_ms")}


def _go_on(server: Server, place: Path) -> dict[str, Any]:
    """Kill the server, start another on its data, and wait for its first attempt at an event."""
    queued = _figure(server.endpoint, "lamplighter_async_events_queued")
    os.kill(server.pid, signal.SIGKILL)
    server.end()
    with Server(place, environment=FEW) as again:
        ready = time.perf_counter()
        while _figure(again.endpoint, "lamplighter_async_attempts_total") < 1:
            time.sleep(0.005)
        return {
            "queued": queued,
            "ready_seconds": round(again.ready_seconds, 3),
            "first_dispatch_seconds": round(time.perf_counter() - ready, 3),
        }


def _figure(endpoint: str, name: str) -> float:
    with urllib.request.urlopen(f"{endpoint}/metrics", timeout=20) as page:  # noqa: S310  # our own server
        lines = page.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def _start(folder: Path, options: Options) -> dict[str, Any]:
    place = folder / "start"
    place.mkdir()
    with Server(place) as server, Child("event_starts", place) as sender:
        server.create_function("tells", options.runtime, {"app.py": TELLS}, "app.handler")
        sent = {}
        for kind, headers in (("sync", {}), ("event", _EVENT_TYPE)):
            question = _one_by_one(server.keys, headers)
            sender.ask({**question, "count": 20}, ANSWER_SECONDS)
            sent[kind] = sender.ask({**question, "count": STARTS}, ANSWER_SECONDS)
        began = _begun(server, {request_id for request_id, _, _ in sent["event"]})
        sync = sorted(answered - begin for _, begin, answered in sent["sync"])
        starts = sorted(began[request_id] - begin for request_id, begin, _ in sent["event"])
        accepts = sorted(answered - begin for _, begin, answered in sent["event"])
    return {
        "sync_p50_ms": round(percentile(sync, 0.5) * 1000, 3),
        "accept_p50_ms": round(percentile(accepts, 0.5) * 1000, 3),
        "accept_to_start_p50_ms": round(percentile(starts, 0.5) * 1000, 3),
        "accept_to_start_p99_ms": round(percentile(starts, 0.99) * 1000, 3),
        "ratio": round(percentile(starts, 0.5) / percentile(sync, 0.5), 3),
    }


def _one_by_one(keys: Keys, headers: dict[str, str]) -> dict[str, Any]:
    request = invoke_request(keys, "tells", headers=headers)
    return {"host": keys.host, "port": keys.port, "request": encoded(request), "pause": 0.01}


def _flooded(folder: Path, options: Options) -> dict[str, Any]:
    """How soon one function's events start while another's, thousands of slow ones, wait."""
    place = folder / "flooded"
    place.mkdir()
    with (
        Server(place, environment=EIGHT) as server,
        Child("event_starts", place) as sender,
        Child("load", place) as load,
    ):
        for name, code in (("tells", TELLS), ("floods", WAITS)):
            server.create_function(name, options.runtime, {"app.py": code}, "app.handler")
        question = {**_one_by_one(server.keys, _EVENT_TYPE), "count": FLOODED_STARTS}
        sender.ask({**question, "count": 10}, ANSWER_SECONDS)
        alone = sender.ask(question, ANSWER_SECONDS)
        flood = invoke_request(server.keys, "floods", headers=_EVENT_TYPE)
        while _figure(server.endpoint, "lamplighter_async_events_queued") < FLOOD:
            _window(load, server.keys, flood, 8, 0.5)
        beside = sender.ask(question, ANSWER_SECONDS)
        waiting = _figure(server.endpoint, "lamplighter_async_events_queued")
        began = _begun(server, {request_id for request_id, _, _ in (*alone, *beside)})
    found = {
        name: percentile(sorted(began[request_id] - begin for request_id, begin, _ in sent), 0.5)
        for name, sent in (("alone", alone), ("beside", beside))
    }
    return {
        "flood_waiting": waiting,
        "alone_p50_ms": round(found["alone"] * 1000, 3),
        "beside_p50_ms": round(found["beside"] * 1000, 3),
        "ratio": round(found["beside"] / found["alone"], 3),
    }


def _begun(server: Server, wanted: set[str]) -> dict[str, float]:
    """When each request's handler began, as its log says."""
    deadline = time.monotonic() + ANSWER_SECONDS
    found: dict[str, float] = {}
    while wanted - found.keys() and time.monotonic() < deadline:
        command = [str(LAMPLIGHTER), "logs", "tells", "-n", "10000", "--data-dir", str(server.data_dir)]
        said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        words = [line.split() for line in said.splitlines() if "BEGAN" in line]
        found = {line[-2]: float(line[-1]) for line in words}
        time.sleep(0.2)
    return found
