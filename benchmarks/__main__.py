"""scripts/bench NAME [--json FILE]: runs one scenario and prints its figures. Trust the ratios, not the rates."""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import (
    async_accept,
    cold,
    control,
    density,
    freeze,
    large_package,
    machine,
    neighbours,
    payload,
    sandboxes,
    soak,
    warm,
    zygotes,
)
from benchmarks.options import Options

SCENARIOS = {
    "async": async_accept.run,
    "warm": warm.run,
    "cold": cold.run,
    "control": control.run,
    "density": density.run,
    "freeze": freeze.run,
    "large_package": large_package.run,
    "neighbours": neighbours.run,
    "payload": payload.run,
    "sandboxes": sandboxes.run,
    "soak": soak.run,
    "zygotes": zygotes.run,
}


def main(arguments: list[str]) -> int:
    usual = Options()
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures one scenario on this machine.")
    parser.add_argument("name", choices=sorted(SCENARIOS))
    parser.add_argument("--json", dest="file", type=Path, help="also write the whole record to this file")
    parser.add_argument("--pairs", type=int, default=usual.pairs, help="interleaved pairs of windows (7)")
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="length of a window (2)")
    parser.add_argument("--clients", type=int, nargs="*", default=(), help="only these numbers of clients")
    parser.add_argument("--runtime", default=usual.runtime, help="Lambda's runtime identifier (python3.11)")
    parser.add_argument("--peers", action="store_true", help="also measure ministack and serverless-offline")
    parser.add_argument("--minutes", type=float, default=usual.minutes, help="how long a soak goes on (1)")
    given = parser.parse_args(arguments)
    options = Options(
        pairs=given.pairs,
        seconds=given.seconds,
        runtime=given.runtime,
        clients=tuple(given.clients),
        with_peers=given.peers,
        minutes=given.minutes,
    )
    with tempfile.TemporaryDirectory(prefix="lamplighter-bench-", ignore_cleanup_errors=True) as folder:
        before = machine.description()
        record = {"scenario": given.name, "machine": before, "figures": SCENARIOS[given.name](Path(folder), options)}
        record["load_average_after"] = machine.description()["load_average"]
    _print(record)
    if given.file:
        given.file.write_text(json.dumps(record, indent=2) + "\n")
    return 0


def _print(record: dict[str, Any]) -> None:
    print(json.dumps(record["figures"], indent=2))
    for bound in record["figures"]["bounds"]:
        word = "holds " if bound["holds"] else "MISSED"
        print(f"{word} {bound['figure']}: {bound['value']} ({bound['kind']} {bound['bound']})")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
