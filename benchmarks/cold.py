"""cold: how long until a runtime polls for its first event, and until the first caller has an answer.

Ours: the init duration that the REPORT line tells, and the first invoke of a fresh function
over HTTP. Beside it, in turn, the same runtime and client as a bare subprocess against a stub Runtime API, timed from
its spawn to its first `/next`.
"""

import base64
import math
import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.bare_runtime import BareRuntime
from benchmarks.child import Child
from benchmarks.options import Options
from benchmarks.runtimes import echo_for, runtime_named, true_spawned_ms
from benchmarks.server import EVENT, Server, client_of
from benchmarks.statistics_of_pairs import judged, ratio, summary
from benchmarks.windows import Figures, interleave

STARTS_PER_PAIR = 3
# What issue 4 allows over the same client as a bare subprocess; a static program is set against spawning /bin/true.
BOUNDS = {"python": 1.3, "nodejs": 1.4, "java": 1.2, "provided": 8.0}


class Cold:
    """Our server and a stub, with the function's code laid out for both."""

    def __init__(self, stack: ExitStack, folder: Path, options: Options) -> None:
        self._runtime = options.runtime
        self._bare_runtime = runtime_named(options.runtime)
        self._function = echo_for(options.runtime)
        self._server = stack.enter_context(Server(folder))
        self._stub = stack.enter_context(Child("stub_runtime_api", folder))
        self._port = self._stub.answer(20)["port"]
        self._task_root = folder / "task"
        self._task_root.mkdir()
        self._function.lay_out(self._task_root)
        self._count = 0
        self._client = client_of(self._server.keys)

    def _new_function(self) -> str:
        self._count += 1
        name = f"echo-{self._count}"
        self._server.create_function(name, self._runtime, self._function.files, self._function.handler)
        return name

    def ours(self) -> Figures:
        """Fresh functions, each invoked once; the server's own log line tells the init duration."""
        starts = [first_invoke(self._client, self._new_function()) for _ in range(STARTS_PER_PAIR)]
        return {"requests": len(starts), "wrong": sum(start["wrong"] for start in starts), "starts": starts}

    def bare(self) -> Figures:
        starts = [self._bare_start() for _ in range(STARTS_PER_PAIR)]
        return {"requests": len(starts), "wrong": 0, "starts": starts}

    def _bare_start(self) -> dict[str, float]:
        if self._runtime.startswith("provided"):
            return {"first_next_ms": true_spawned_ms()}
        self._stub.ask({"clients": 0, "reset": True}, 10)
        started = time.time()
        runtime = BareRuntime(self._bare_runtime, self._port, self._task_root, self._function.handler)
        try:
            first_next = self._stub.ask({"clients": 1}, 30)["first_next"]
        finally:
            runtime.end()
        self._stub.ask({"seconds": 0.0, "use": 1}, 10)
        return {"first_next_ms": (first_next - started) * 1000}


def first_invoke(client: Any, name: str) -> dict[str, Any]:  # Any: boto3's client classes are made at run time
    """Invoke a fresh function once, and delete it."""
    started = time.perf_counter()
    answer = client.invoke(FunctionName=name, Payload=EVENT, LogType="Tail")
    body = answer["Payload"].read()
    elapsed = (time.perf_counter() - started) * 1000
    is_right = "FunctionError" not in answer and body.replace(b" ", b"") == EVENT
    client.delete_function(FunctionName=name)
    return {"first_invoke_ms": elapsed, "first_next_ms": _init_duration_ms(answer), "wrong": not is_right}


def _init_duration_ms(answer: Any) -> float:  # Any: boto3's answers are dictionaries
    """Spawn of the sandbox to the runtime's first poll, as the REPORT line tells it."""
    found = re.search(rb"Init Duration: ([0-9.]+) ms", base64.b64decode(answer["LogResult"]))
    return float(found[1]) if found else math.nan


def column_of_starts(windows: list[Figures], name: str) -> list[float]:
    """The middle start of every window."""
    return [sorted(start[name] for start in window["starts"])[len(window["starts"]) // 2] for window in windows]


def run(folder: Path, options: Options) -> dict[str, Any]:
    with ExitStack() as stack:
        cold = Cold(stack, folder, options)
        ours, bare = interleave(options.pairs, cold.ours, cold.bare)
    bound = next(bound for family, bound in BOUNDS.items() if options.runtime.startswith(family))
    over = ratio(column_of_starts(ours, "first_next_ms"), column_of_starts(bare, "first_next_ms"))
    return {
        "runtime": options.runtime,
        "ours": {
            "spawn_to_first_next_ms": summary(column_of_starts(ours, "first_next_ms")),
            "first_invoke_ms": summary(column_of_starts(ours, "first_invoke_ms")),
        },
        "bare": {"spawn_to_first_next_ms": summary(column_of_starts(bare, "first_next_ms"))},
        "first_next_over_bare": over,
        "bounds": [
            judged(f"{options.runtime} spawn to first poll over a bare subprocess", over["median"], bound, at_most=True)
        ],
    }
