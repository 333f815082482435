"""Finds the server that runs on a data directory, and the keys to talk to it.

A running server leaves `endpoint.json` in its data directory. Must not know any API operation.
"""

import argparse
import json
import os
from dataclasses import dataclass
from pathlib import Path

from lamplighter.cli.refusal import CommandFailed
from lamplighter.config import Configuration, ConfigurationRefused, read_configuration
from lamplighter.identity.keys import CredentialsRefused, read_root_key


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where a server answers, in which mode, and whose key opens it."""

    endpoint: str
    mode: str
    region: str
    account_id: str
    certificate: str | None
    access_key_id: str
    secret_access_key: str


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", metavar="DIR", help="the server's data directory (default: as for `up`)")


def configuration_of(arguments: argparse.Namespace) -> Configuration:
    """The configuration with the data directory that was asked for."""
    try:
        return read_configuration({"data_dir": arguments.data_dir}, os.environ)
    except ConfigurationRefused as error:
        raise CommandFailed(str(error)) from error


def find_server(configuration: Configuration) -> RunningServer:
    """The server running on the data directory. Raises CommandFailed when there is none."""
    absent = CommandFailed(
        f"no server runs on {configuration.data_dir}: start one with `lamplighter up` or `lamplighter dev`, "
        "or name its --data-dir"
    )
    try:
        told = json.loads(configuration.endpoint_file.read_text(encoding="utf-8"))
        pid = int(told["pid"])
        access_key_id, secret = _keys(configuration, told)
        server = RunningServer(
            told["endpoint"],
            told["mode"],
            told["region"],
            told["account_id"],
            told.get("certificate"),
            access_key_id,
            secret,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise absent from error
    if not Path(f"/proc/{pid}").exists():
        raise absent
    return server


def _keys(configuration: Configuration, told: dict[str, str]) -> tuple[str, str]:
    if told["mode"] == "dev":
        return told["account_id"], "any-secret-will-do"
    try:
        key = read_root_key(configuration.credentials_file, told["account_id"])
    except CredentialsRefused as error:
        raise CommandFailed(str(error)) from error
    return key.access_key_id, key.secret_access_key
