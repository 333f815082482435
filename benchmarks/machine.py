"""On what the figures were taken: kernel, processors, load, versions, commit. Written beside every result."""

import os
import platform
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("lamplighter", "uvloop", "httptools", "apsw", "boto3", "awslambdaric")


def description() -> dict[str, Any]:
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cpus": len(os.sched_getaffinity(0)),
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "python": sys.version.split()[0],
        "packages": {name: _version(name) for name in PACKAGES},
        "node": _said("node", "--version"),
        "commit": _said("git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"),
        "uncommitted_changes": bool(_said("git", "-C", str(Path(__file__).parent), "status", "--porcelain")),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _said(*command: str) -> str | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
