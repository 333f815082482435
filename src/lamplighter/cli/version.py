"""`lamplighter version`: ours, and those of the parts that matter in a bug report."""

import argparse
import platform
from importlib.metadata import version

from lamplighter import __version__

_PARTS = ("apsw", "httptools", "msgspec", "orjson", "uvloop")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="versions of Python, the kernel and the libraries too")


def run(arguments: argparse.Namespace) -> int:
    print(f"lamplighter {__version__}")
    if arguments.all:
        for name, value in part_versions().items():
            print(f"{name} {value}")
    return 0


def part_versions() -> dict[str, str]:
    """Versions of what lamplighter stands on."""
    parts = {"python": platform.python_version(), "kernel": platform.release()}
    return parts | {name: version(name) for name in _PARTS}
