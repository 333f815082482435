"""`lamplighter logs [-f] FUNCTION`: what a function and the platform wrote, as Lambda prints it.

Reads the log files, so it works beside a running server and without one. Must not know what the lines mean.
"""

import argparse
import asyncio
import contextlib
import json
import sys
from datetime import UTC, datetime
from urllib.parse import quote

from lamplighter.cli.refusal import CommandFailed
from lamplighter.cli.running_server import add_data_dir, configuration_of, find_server
from lamplighter.cli.signed_call import call
from lamplighter.config import Configuration
from lamplighter.observability.log_reader import LogEvent, LogReader


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("function", metavar="FUNCTION", help="the function's name")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with new events until interrupted")
    parser.add_argument("-n", "--lines", type=int, default=100, metavar="N", help="the last N events (default 100)")
    parser.add_argument("-t", "--timestamps", action="store_true", help="the time before each event")
    parser.add_argument("--json", action="store_true", help="one JSON object for each event")
    parser.add_argument("--log-group", metavar="GROUP", help="(default: the function's own)")
    parser.add_argument("--account-id", metavar="ID", help="(default: the server's)")
    parser.add_argument("--region", help="(default: the server's)")
    add_data_dir(parser)


def run(arguments: argparse.Namespace) -> int:
    configuration = configuration_of(arguments)
    account_id = arguments.account_id or configuration.account_id
    region = arguments.region or configuration.region
    group = arguments.log_group or _log_group(configuration, arguments.function)
    reader = LogReader(configuration.logs_dir)
    if arguments.follow:
        asyncio.run(_follow(reader, (account_id, region, group), arguments))
        return 0
    if group not in reader.groups(account_id, region):
        raise CommandFailed(f"there is no log of {arguments.function} yet (no log group {group})")
    for event in reader.tail(account_id, region, group, max(arguments.lines, 0)):
        _show(event, arguments)
    return 0


def _log_group(configuration: Configuration, function: str) -> str:
    """The group that a running server knows for the function; without a server, Lambda's default one."""
    try:
        server = find_server(configuration)
    except CommandFailed:
        return f"/aws/lambda/{function}"
    answer = call(server, "GET", f"/2015-03-31/functions/{quote(function, safe='')}/configuration")
    logging = json.loads(answer.body).get("LoggingConfig") or {}
    return str(logging.get("LogGroup") or f"/aws/lambda/{function}")


async def _follow(reader: LogReader, group: tuple[str, str, str], arguments: argparse.Namespace) -> None:
    async with contextlib.aclosing(reader.follow(*group, backlog=max(arguments.lines, 0))) as events:
        async for event in events:
            _show(event, arguments)
            sys.stdout.flush()


def _show(event: LogEvent, arguments: argparse.Namespace) -> None:
    if arguments.json:
        told = {"timestamp": event.timestamp_ms, "message": event.message, "logStreamName": event.stream}
        print(json.dumps(told))
        return
    time = ""
    if arguments.timestamps:
        moment = datetime.fromtimestamp(event.timestamp_ms / 1000, UTC)
        time = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{event.timestamp_ms % 1000:03d}Z "
    # A function may write what it likes: control sequences must not reach the reader's terminal.
    print(time + _printable(event.message.removesuffix("\n")))


def _printable(text: str) -> str:
    if not sys.stdout.isatty() or text.isprintable():
        return text
    return "".join([letter if letter.isprintable() or letter in "\t\n" else f"\\x{ord(letter):02x}" for letter in text])
