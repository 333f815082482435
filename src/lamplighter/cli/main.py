"""The `lamplighter` command: finds the verb, loads its module only, and turns refusals into one sentence.

Each verb is a module with `add_arguments(parser)` and `run(arguments) -> exit code`. Must not know what a verb does.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from lamplighter.cli.refusal import CommandFailed

# Verb -> its module and its one line in --help. The module is imported only when its verb is given: starting matters.
VERBS = {
    "up": ("serve", "start the server with authentication on"),
    "dev": ("serve", "start the server for development: loopback only, any credentials"),
    "env": ("env", "print the exports that point a shell's AWS clients to the running server"),
    "invoke": ("invoke", "invoke a function of the running server"),
    "logs": ("logs", "show a function's log, with -f as it grows"),
    "runtime": ("runtime", "list, add or remove runtimes"),
    "doctor": ("doctor", "tell what this machine offers and lacks"),
    "version": ("version", "print versions"),
}
_INTERRUPTED = 130


class Verb(Protocol):
    """What the module of a verb offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 1 (refused or failed), 2 (wrong usage) or 130 (interrupted)."""
    given = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(given[0] if given else "")
    arguments = parser.parse_args(given)
    if arguments.verb is None:
        parser.print_help()
        return 2
    try:
        return _load(arguments.verb).run(arguments)
    except CommandFailed as error:
        print(f"lamplighter {arguments.verb}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output ended; nothing is left to say, and the interpreter must not flush again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser(chosen: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lamplighter", description="Your own Lambda: speaks AWS Lambda's API.")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    for name, (_, line) in VERBS.items():
        verb = verbs.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        if name == chosen:
            _load(name).add_arguments(verb)
    return parser


def _load(verb: str) -> Verb:
    return cast("Verb", importlib.import_module(f"lamplighter.cli.{VERBS[verb][0]}"))


if __name__ == "__main__":
    sys.exit(main())
