"""`lamplighter runtime list|add|remove`: which runtimes this server can run functions with.

Works on the data directory alone, so the server may run or not. Must not know how importers work.
"""

import argparse
import json
import sys
from pathlib import Path

from lamplighter.cli.refusal import CommandFailed
from lamplighter.cli.running_server import add_data_dir, configuration_of
from lamplighter.config import Configuration
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from lamplighter.sandboxes.runtimes.identifiers import UnknownIdentifier
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from lamplighter.sandboxes.runtimes.own import OwnImporter
from lamplighter.sandboxes.runtimes.progress import ProgressBar
from lamplighter.sandboxes.runtimes.runtime import RuntimeMissing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the installed runtimes")
    listing.add_argument("--json", action="store_true", help="as a JSON list")
    adding = actions.add_parser("add", help="install a runtime, or install it anew")
    adding.add_argument("name", metavar="NAME", help="such as python3.12, nodejs22.x or provided.al2023")
    adding.add_argument("--source", default="auto", help="host, debian or auto (default: what this machine can do)")
    adding.add_argument("--from", dest="place", type=Path, metavar="DIR", help="copy a runtime directory of your own")
    adding.add_argument("--package", action="append", metavar="NAME", help="a further package for it; repeatable")
    removing = actions.add_parser("remove", help="take a runtime away")
    removing.add_argument("name", metavar="NAME")
    for action in (listing, adding, removing):
        add_data_dir(action)


def run(arguments: argparse.Namespace) -> int:
    configuration = configuration_of(arguments)
    actions = {"list": _list, "add": _add, "remove": _remove}
    return actions[arguments.action](arguments, configuration)


def _list(arguments: argparse.Namespace, configuration: Configuration) -> int:
    entries = RuntimeDirectory(configuration.runtimes_dir).inspect()
    rows = [
        {
            "name": entry.name,
            "version": entry.runtime.version if entry.runtime else "",
            "source": entry.runtime.source if entry.runtime else "",
            "client": entry.client,
            "reason": entry.reason,
        }
        for entry in entries
    ]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        told = row["reason"] or f"{row['version']:<12} {row['source']:<8} {row['client']}".rstrip()
        print(f"{row['name']:<18} {told}")
    if not rows:
        print("no runtime is installed: add one with `lamplighter runtime add python3.12`", file=sys.stderr)
    return 0


def _add(arguments: argparse.Namespace, configuration: Configuration) -> int:
    packages = tuple(arguments.package) if arguments.package else None
    runtimes, source = RuntimeDirectory(configuration.runtimes_dir), arguments.source
    if arguments.place is not None:
        own = OwnImporter(arguments.place)
        runtimes, source = RuntimeDirectory(configuration.runtimes_dir, {own.source: own}), own.source
    try:
        runtime = runtimes.add(arguments.name, source, packages=packages, progress=ProgressBar(sys.stderr))
    except (ImportFailed, UnknownIdentifier) as error:
        raise CommandFailed(str(error)) from error
    except OSError as error:
        raise CommandFailed(f"{error.strerror}: {error.filename or configuration.runtimes_dir}") from error
    print(f"{runtime.name} {runtime.version} ({runtime.source})")
    return 0


def _remove(arguments: argparse.Namespace, configuration: Configuration) -> int:
    try:
        RuntimeDirectory(configuration.runtimes_dir).remove(arguments.name)
    except RuntimeMissing as error:
        raise CommandFailed(str(error)) from error
    return 0
