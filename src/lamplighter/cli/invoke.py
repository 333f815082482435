"""`lamplighter invoke FUNCTION`: invoke a function and print its answer.

The payload goes to stdout, everything else to stderr; a function error makes the exit code 1.
"""

import argparse
import base64
import sys
from pathlib import Path
from urllib.parse import quote

from lamplighter.cli.refusal import CommandFailed
from lamplighter.cli.running_server import add_data_dir, configuration_of, find_server
from lamplighter.cli.signed_call import Answer, call


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("function", metavar="FUNCTION", help="name or ARN")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--payload", metavar="JSON", help="the event; - reads it from stdin (default: {})")
    source.add_argument("--payload-file", metavar="FILE", help="a file with the event")
    parser.add_argument("--qualifier", help="a version or alias")
    parser.add_argument("--type", choices=("RequestResponse", "Event", "DryRun"), default="RequestResponse")
    parser.add_argument("--tail", action="store_true", help="the last 4 KB of the log on stderr too")
    add_data_dir(parser)


def run(arguments: argparse.Namespace) -> int:
    server = find_server(configuration_of(arguments))
    headers = {"X-Amz-Invocation-Type": arguments.type}
    if arguments.tail:
        headers["X-Amz-Log-Type"] = "Tail"
    path = f"/2015-03-31/functions/{quote(arguments.function, safe='')}/invocations"
    query = f"Qualifier={quote(arguments.qualifier, safe='')}" if arguments.qualifier else ""
    return _show(call(server, "POST", path, query, headers, _payload(arguments)))


def _payload(arguments: argparse.Namespace) -> bytes:
    if arguments.payload_file:
        try:
            return Path(arguments.payload_file).read_bytes()
        except OSError as error:
            raise CommandFailed(f"cannot read {arguments.payload_file}: {error.strerror}") from error
    if arguments.payload == "-":
        return sys.stdin.buffer.read()
    return str(arguments.payload or "{}").encode()


def _show(answer: Answer) -> int:
    log = answer.headers.get("x-amz-log-result")
    if log:
        print(base64.b64decode(log).decode("utf-8", "replace"), file=sys.stderr, end="")
    sys.stdout.buffer.write(answer.body)
    if sys.stdout.isatty() and answer.body:
        sys.stdout.buffer.write(b"\n")
    sys.stdout.flush()
    error = answer.headers.get("x-amz-function-error")
    if error:
        print(f"lamplighter invoke: the function failed ({error})", file=sys.stderr)
        return 1
    return 0
