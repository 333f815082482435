"""density: a thousand idle environments of a python function on one server, and what each of them costs.

Most are made as provisioned concurrency, the rest by invoking further functions once. Memory of an environment is the
proportional share (PSS) of every process inside; beside it what the machine has less, which counts the kernel's part.
"""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.options import Options
from benchmarks.processes import resident_mib, tree
from benchmarks.sandboxes import available_kib
from benchmarks.server import ECHO, EVENT, Server, client_of
from benchmarks.statistics_of_pairs import judged, summary

PROVISIONED = 900  # AWS leaves at least 100 of 1,000 unreserved
ON_DEMAND = 110
AT_ONCE = 4
MEMORY_MIB = 128  # what the machine must have left before each start
SECONDS = 600.0


def proportional_kib(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(next((line.split()[1] for line in text.splitlines() if line.startswith("Pss:")), 0))


def namespace_of(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


def environments(server: int) -> dict[str, list[int]]:
    """The processes below the server that live in process namespaces of their own and are more than a blank."""
    own = namespace_of(server)
    found: dict[str, list[int]] = {}
    for pid in tree(server):
        namespace = namespace_of(pid)
        if namespace not in {"", own}:
            found.setdefault(namespace, []).append(pid)
    return {namespace: pids for namespace, pids in found.items() if len(pids) > 1}


def _provision(server: Server) -> float:
    client = client_of(server.keys)
    server.create_function("many", "python3.11", {"echo.py": ECHO}, "echo.handler")
    client.update_function_configuration(FunctionName="many", MemorySize=MEMORY_MIB)
    client.get_waiter("function_updated_v2").wait(FunctionName="many", WaiterConfig={"Delay": 1})
    version = client.publish_version(FunctionName="many")["Version"]
    started = time.perf_counter()
    client.put_provisioned_concurrency_config(
        FunctionName="many", Qualifier=version, ProvisionedConcurrentExecutions=PROVISIONED
    )
    while True:
        told = client.get_provisioned_concurrency_config(FunctionName="many", Qualifier=version)
        if told["Status"] == "READY":
            return PROVISIONED / (time.perf_counter() - started)
        if told["Status"] == "FAILED" or time.perf_counter() - started > SECONDS:
            raise RuntimeError(f"only {told}")
        time.sleep(0.25)


def _invoke_others(server: Server) -> None:
    def one(number: int) -> None:
        name = f"other-{number}"
        server.create_function(name, "python3.11", {"echo.py": ECHO}, "echo.handler")
        answer = client_of(server.keys).invoke(FunctionName=name, Payload=EVENT)
        body = answer["Payload"].read()
        if "FunctionError" in answer or body.replace(b" ", b"") != EVENT:
            raise RuntimeError(f"{name}: {body!r}")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(one, range(ON_DEMAND)))


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[Server]:
    with Server(folder, environment={"LAMPLIGHTER_MAX_ENVIRONMENTS": str(PROVISIONED + ON_DEMAND + 10)}) as server:
        yield server


def run(folder: Path, options: Options) -> dict[str, Any]:
    with _server(folder) as server:
        server_before, machine_before = resident_mib(server.pid), available_kib()
        rate = _provision(server)
        _invoke_others(server)
        time.sleep(options.seconds)  # the last ones are frozen, freed pages are counted
        alive = environments(server.pid)
        count = len(alive)
        machine_after, server_after = available_kib(), resident_mib(server.pid)
        share = [sum(proportional_kib(pid) for pid in pids) / 1024 for pids in alive.values()]
        ending = time.perf_counter()
        server.end()
        ended = time.perf_counter() - ending
    pss = summary(share)
    return {
        "alive": count,
        "provisioned_per_second": round(rate, 1),
        "pss_mib": pss,
        "machine_mib_each": round((machine_before - machine_after) / 1024 / count, 2),
        "server_mib": {"before": round(server_before, 1), "with_all": round(server_after, 1)},
        "server_kib_each": round((server_after - server_before) * 1024 / count, 1),
        "end_of_all_seconds": round(ended, 1),
        "bounds": [
            judged("idle environments alive", count, 1000, at_most=False),
            judged("PSS of an idle python environment, MiB", pss["median"], 8.0, at_most=True),
        ],
    }
