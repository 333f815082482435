"""control: what the control plane's answers cost, seen at the socket, and that stored versions do not slow an invoke.

One client, requests prepared and signed beforehand, one connection: the figures hold the server's time and the wire,
not an SDK's. 1,000 functions are there while reading is measured. 100,000 versions and as many aliases of one function
are written into a stopped server's storage (through the API they would take an hour), and invokes through one of those
aliases are measured beside invokes of a function without any, in interleaved windows.
"""

import asyncio
import base64
import json
import random
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from time import perf_counter
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from msgspec.structs import replace

from benchmarks.child import Child
from benchmarks.options import Options
from benchmarks.runtimes import runtime_named
from benchmarks.server import ECHO, EVENT, ROLE, Keys, Server, encoded, invoke_request, zipped
from benchmarks.statistics_of_pairs import judged, percentile, ratio, summary
from benchmarks.windows import Figures, column, interleave
from lamplighter.resources.aliases.model import AliasRecord
from lamplighter.resources.aliases.table import put_alias
from lamplighter.resources.functions.table import get_function, put_version
from lamplighter.storage.sqlite.engine import SqliteStorage
from lamplighter.storage.storage import Transaction

FUNCTIONS = 1_000
VERSIONS = 100_000
READS = 300
CREATIONS = 20
MEGABYTE = 1024 * 1024
ACCOUNT = "000000000000"
_HANDLER = {"Runtime": "python3.11", "Role": ROLE, "Handler": "echo.handler"}
_FUNCTIONS_PATH = "/2015-03-31/functions"


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it goes over the wire, and the status that its answer must have."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]
    status: int


def run(folder: Path, options: Options) -> dict[str, Any]:
    """The whole scenario as one JSON-able record."""
    runtime_named(options.runtime)
    with Server(folder) as server:
        record: dict[str, Any] = {"reading": _reading(server), "creating": _creating(server)}
        server.create_function("many", options.runtime, {"echo.py": ECHO}, "echo.handler")
        server.create_function("none", options.runtime, {"echo.py": ECHO}, "echo.handler")
    record["stored"] = asyncio.run(_store_versions(folder / "data/storage"))
    with ExitStack() as stack:
        server = stack.enter_context(Server(folder))
        load = stack.enter_context(Child("load", folder))
        record["invoke"] = _invoking(server, load, options)
        record["ready_seconds"] = server.ready_seconds
    reading, creating = record["reading"], record["creating"]
    record["bounds"] = [
        judged("GetFunction, p50 ms", reading["GetFunction"]["p50_ms"], 1.0, at_most=True),
        judged("ListFunctions of 1,000, p50 ms", reading["ListFunctions"]["p50_ms"], 15.0, at_most=True),
        judged("CreateFunction of 1 MB acknowledged, p50 ms", creating["p50_ms"], 30.0, at_most=True),
        judged(
            "invoke p50 with 100,000 versions and aliases over one with none",
            record["invoke"]["p50_over_none"]["median"],
            1.1,
            at_most=True,
        ),
    ]
    return record


def _reading(server: Server) -> dict[str, Any]:
    code = zipped({"echo.py": ECHO})
    connection = HTTPConnection(server.keys.host, server.keys.port, timeout=60)
    for number in range(FUNCTIONS):
        _timed(connection, _creation(server.keys, f"function-{number:04d}", code))
    calls = {
        "GetFunction": _call(server.keys, "GET", f"{_FUNCTIONS_PATH}/function-0500"),
        "GetFunctionConfiguration": _call(server.keys, "GET", f"{_FUNCTIONS_PATH}/function-0500/configuration"),
        "ListFunctions": _call(server.keys, "GET", f"{_FUNCTIONS_PATH}/"),
    }
    return {name: _figures([_timed(connection, call) for _ in range(READS)]) for name, call in calls.items()}


def _creating(server: Server) -> dict[str, Any]:
    """Each function with a package of its own: a known one would not be written again."""
    connection = HTTPConnection(server.keys.host, server.keys.port, timeout=60)
    creations = []
    for number in range(CREATIONS):
        filling = random.Random(number).randbytes(MEGABYTE)
        code = zipped({"echo.py": ECHO, "filling": filling.decode("latin-1")})
        creations.append(_creation(server.keys, f"large-{number}", code))
    return _figures([_timed(connection, creation) for creation in creations])


def _creation(keys: Keys, name: str, code: bytes) -> Call:
    members = {**_HANDLER, "FunctionName": name, "Code": {"ZipFile": base64.b64encode(code).decode()}}
    return _call(keys, "POST", _FUNCTIONS_PATH, json.dumps(members).encode(), status=201)


def _call(keys: Keys, method: str, path: str, body: bytes = b"", *, status: int = 200) -> Call:
    headers = {"Host": f"{keys.host}:{keys.port}", "Content-Type": "application/json"}
    request = AWSRequest(method=method, url=f"{keys.endpoint}{path}", data=body, headers=headers)
    SigV4Auth(Credentials(keys.access_key, keys.secret_key), "lambda", keys.region).add_auth(request)
    return Call(method, path, body, dict(request.headers.items()), status)


def _timed(connection: HTTPConnection, call: Call) -> float:
    """Seconds from the first byte sent to the last one received."""
    started = perf_counter()
    connection.request(call.method, call.path, call.body, call.headers)
    answer = connection.getresponse()
    body = answer.read()
    seconds = perf_counter() - started
    if answer.status != call.status:
        raise RuntimeError(f"{call.method} {call.path}: {answer.status} {body[:500]!r}")
    return seconds


def _figures(seconds: list[float]) -> dict[str, Any]:
    ordered = sorted(seconds)
    return {
        "calls": len(ordered),
        "p50_ms": round(percentile(ordered, 0.5) * 1000, 3),
        "p99_ms": round(percentile(ordered, 0.99) * 1000, 3),
    }


async def _store_versions(directory: Path) -> dict[str, int]:
    """100,000 versions of `many`, each with an alias of its own, as the control plane would have stored them."""
    storage = SqliteStorage.open(directory)
    try:
        record = get_function(storage, ACCOUNT, "us-east-1", "many")
        if record is None:
            raise RuntimeError("the function is not stored where the server kept it")
        latest = record.latest

        def write(first: int, transaction: Transaction) -> None:
            for number in range(first, first + 5_000):
                put_version(transaction, replace(latest, version=str(number)))
                put_alias(
                    transaction,
                    AliasRecord(
                        account_id=ACCOUNT,
                        region="us-east-1",
                        function_name="many",
                        name=f"alias-{number}",
                        version=str(number),
                        description="",
                        revision_id=latest.revision_id,
                    ),
                )

        for first in range(1, VERSIONS, 5_000):
            await storage.transact(lambda transaction, first=first: write(first, transaction))  # type: ignore[misc]
    finally:
        await storage.close()
    return {"versions": VERSIONS, "aliases": VERSIONS}


def _invoking(server: Server, load: Child, options: Options) -> dict[str, Any]:
    def window(function: str, seconds: float = options.seconds) -> Figures:
        question = {
            "host": server.keys.host,
            "port": server.keys.port,
            "clients": 1,
            "seconds": seconds,
            "request": encoded(invoke_request(server.keys, function)),
            "expected": encoded(EVENT),
        }
        answered: Figures = load.ask(question, seconds + 60)
        return answered

    many = f"many:alias-{VERSIONS - 1}"
    window(many, 1.0)
    window("none", 1.0)
    mine, others = interleave(options.pairs, lambda: window(many), lambda: window("none"))
    return {
        "many": {"p50_ms": summary(column(mine, "p50_ms"))},
        "none": {"p50_ms": summary(column(others, "p50_ms"))},
        "p50_over_none": ratio(column(mine, "p50_ms"), column(others, "p50_ms")),
    }
