"""warm: how much lamplighter adds to an invoke that finds a waiting environment.

Signed raw requests from 1, 4, 16 and 64 clients, on at most 4 environments, against the runtime-bound limit (the same
runtime client, as many as serve us, on a Runtime API that answers at once), boto3 against us and against a stub, and
other local Lambdas where they are installed. Every comparison is made of interleaved windows.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.bare_runtime import BareRuntime
from benchmarks.child import Child
from benchmarks.options import Options
from benchmarks.peers import Peer, running_peers
from benchmarks.runtimes import runtime_named
from benchmarks.server import ECHO, EVENT, Keys, Server, encoded, invoke_request
from benchmarks.statistics_of_pairs import judged, ratio, summary
from benchmarks.windows import Figures, column, interleave

CLIENTS = (1, 4, 16, 64)
ENVIRONMENTS = 4  # more than the cores of a small machine can use; further invokes wait for one of them
FUNCTION = "echo"
ANSWER_SECONDS = 60.0


class Warm:
    """One run: our server, the stubs and the load generator, all up and warm at the same time."""

    def __init__(self, stack: ExitStack, folder: Path, options: Options) -> None:
        self._options = options
        runtime_named(options.runtime)
        self.server = stack.enter_context(
            Server(folder, environment={"LAMPLIGHTER_MAX_ENVIRONMENTS": str(ENVIRONMENTS)})
        )
        self.server.create_function(FUNCTION, options.runtime, {"echo.py": ECHO}, "echo.handler")
        self._load = stack.enter_context(Child("load", folder))
        self._limit = stack.enter_context(Child("stub_runtime_api", folder))
        self._boto3 = stack.enter_context(Child("boto3_client", folder))
        self._stub = stack.enter_context(Child("stub_lambda_api", folder))
        self._stub_port = self._stub.answer(20)["port"]
        self._start_limit(stack, folder)

    def _start_limit(self, stack: ExitStack, folder: Path) -> None:
        port = self._limit.answer(20)["port"]
        task_root = folder / "task"
        task_root.mkdir()
        (task_root / "echo.py").write_text(ECHO)
        self._runtimes = 0

        def start_one() -> None:
            stack.callback(BareRuntime(runtime_named(self._options.runtime), port, task_root, "echo.handler").end)
            self._runtimes += 1

        self._start_bare = start_one

    def ours(self, clients: int, seconds: float | None = None) -> Figures:
        """One window against us, with CPU time apart for server and sandboxes."""
        before, below = processes.cpu_seconds(self.server.pid), self._sandboxes_cpu()
        request = invoke_request(self.server.keys, FUNCTION)
        figures = self.load(self.server.keys.host, self.server.keys.port, request, clients, seconds)
        count = max(1, int(figures["requests"]))
        figures["server_cpu_us"] = (processes.cpu_seconds(self.server.pid) - before) / count * 1e6
        figures["sandbox_cpu_us"] = (self._sandboxes_cpu() - below) / count * 1e6
        return figures

    def _sandboxes_cpu(self) -> float:
        return sum(processes.cpu_seconds(pid) for pid in processes.tree(self.server.pid)[1:])

    def load(self, host: str, port: int, request: bytes, clients: int, seconds: float | None = None) -> Figures:
        length = seconds or self._options.seconds
        question = {
            "host": host,
            "port": port,
            "clients": clients,
            "seconds": length,
            "request": encoded(request),
            "expected": encoded(EVENT),
        }
        answered: Figures = self._load.ask(question, length + ANSWER_SECONDS)
        return answered

    def limit(self, runtimes: int) -> Figures:
        while self._runtimes < runtimes:
            self._start_bare()
        self._limit.ask({"clients": self._runtimes}, ANSWER_SECONDS)
        question = {"seconds": self._options.seconds, "use": runtimes}
        answered: Figures = self._limit.ask(question, self._options.seconds + ANSWER_SECONDS)
        return answered

    def boto3(self, keys: Keys) -> Figures:
        question = {
            "endpoint": keys.endpoint,
            "access_key": keys.access_key,
            "secret_key": keys.secret_key,
            "region": keys.region,
            "function": FUNCTION,
            "seconds": self._options.seconds,
        }
        answered: Figures = self._boto3.ask(question, self._options.seconds + ANSWER_SECONDS)
        return answered

    def stub_keys(self) -> Keys:
        return Keys(f"http://127.0.0.1:{self._stub_port}", "stub", "stub", "us-east-1")

    def environments(self) -> int:
        """How many runtime processes our server has now."""
        return sum(processes.is_runtime(pid) for pid in processes.tree(self.server.pid)[1:])


def _against_limit(warm: Warm, clients: int, options: Options) -> dict[str, Any]:
    warm.ours(clients, seconds=2.0)  # the environments that this many clients need are started here
    runtimes = min(clients, warm.environments())
    warm.limit(runtimes)
    ours, limit = interleave(options.pairs, lambda: warm.ours(clients), lambda: warm.limit(runtimes))
    return {
        "clients": clients,
        "environments": warm.environments(),
        "ours": _figures(ours),
        "limit": {"runtimes": runtimes, **_figures(limit)},
        "p50_over_limit": ratio(column(ours, "p50_ms"), column(limit, "p50_ms")),
        "rate_over_limit": ratio(column(ours, "rate"), column(limit, "rate")),
    }


def _figures(windows: list[Figures]) -> dict[str, Any]:
    names = (
        "rate",
        "p50_ms",
        "p99_ms",
        "server_cpu_us",
        "sandbox_cpu_us",
        "client_cpu_us",
        "stub_cpu_us",
        "tree_cpu_us",
    )
    return {name: summary(column(windows, name)) for name in names if column(windows, name)}


def _through_boto3(warm: Warm, options: Options) -> dict[str, Any]:
    ours, stub = interleave(options.pairs, lambda: warm.boto3(warm.server.keys), lambda: warm.boto3(warm.stub_keys()))
    return {
        "ours": _figures(ours),
        "stub": _figures(stub),
        "p50_over_stub": ratio(column(ours, "p50_ms"), column(stub, "p50_ms")),
    }


def _against_peer(warm: Warm, window: Callable[[int], Figures], clients: int, options: Options) -> dict[str, Any]:
    window(clients)
    ours, theirs = interleave(options.pairs, lambda: warm.ours(clients), lambda: window(clients))
    return {
        "clients": clients,
        "ours": _figures(ours),
        "theirs": _figures(theirs),
        "rate_over_theirs": ratio(column(ours, "rate"), column(theirs, "rate")),
        "p50_over_theirs": ratio(column(ours, "p50_ms"), column(theirs, "p50_ms")),
        "p99_over_theirs": ratio(column(ours, "p99_ms"), column(theirs, "p99_ms")),
    }


@contextmanager
def _started(folder: Path, options: Options) -> Iterator[Warm]:
    with ExitStack() as stack:
        yield Warm(stack, folder, options)


def run(folder: Path, options: Options) -> dict[str, Any]:
    """The whole scenario as one JSON-able record."""
    with _started(folder, options) as warm:
        record: dict[str, Any] = {
            "ready_seconds": round(warm.server.ready_seconds, 3),
            "idle_rss_mib": round(processes.resident_mib(warm.server.pid), 1),
            "against_limit": [_against_limit(warm, clients, options) for clients in options.clients or CLIENTS],
            "boto3": _through_boto3(warm, options),
            "peers": {},
        }
        with running_peers(folder, options) as peers:
            for peer in peers:
                windows = [
                    _against_peer(warm, lambda clients, peer=peer: _peer_window(warm, peer, clients), clients, options)  # type: ignore[misc]  # bound now
                    for clients in (1, 16)
                ]
                record["peers"][peer.name] = windows
        record["bounds"] = _bounds(record)
        return record


def _peer_window(warm: Warm, peer: Peer, clients: int) -> Figures:
    """One window against a peer, with the CPU time of its whole tree, which may start processes as it goes."""
    before = processes.tree_cpu_seconds(peer.pid)
    figures = warm.load(peer.host, peer.port, peer.request(), clients)
    used = processes.tree_cpu_seconds(peer.pid) - before
    figures["tree_cpu_us"] = used / max(1, int(figures["requests"])) * 1e6
    return figures


def _bounds(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The figures that were set as goals, for those that were measured."""
    by_clients = {entry["clients"]: entry for entry in record["against_limit"]}
    found = [
        judged("boto3 p50 over boto3 against a stub", record["boto3"]["p50_over_stub"]["median"], 2.0, at_most=True)
    ]
    if one := by_clients.get(1):
        found.append(judged("p50, 1 client, over the limit", one["p50_over_limit"]["median"], 3.5, at_most=True))
    if sixteen := by_clients.get(16):
        found.append(
            judged("rate, 16 clients, over the limit", sixteen["rate_over_limit"]["median"], 0.5, at_most=False)
        )
        found.append(
            judged(
                "server CPU us per invoke, 16 clients", sixteen["ours"]["server_cpu_us"]["median"], 100, at_most=True
            )
        )
    return found + _peer_bounds(record["peers"])


def _peer_bounds(peers: dict[str, Any]) -> list[dict[str, Any]]:
    goals = {"ministack": (20.0, None), "serverless-offline": (1.5, 0.1)}
    found = []
    for name, windows in peers.items():
        rate, tail = goals[name]
        sixteen = next(entry for entry in windows if entry["clients"] == 16)
        found.append(
            judged(f"rate over {name}, 16 clients", sixteen["rate_over_theirs"]["median"], rate, at_most=False)
        )
        if tail is not None:
            found.append(
                judged(f"p99 over {name}, 16 clients", sixteen["p99_over_theirs"]["median"], tail, at_most=True)
            )
    return found
