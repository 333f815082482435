"""`lamplighter up` and `lamplighter dev`: start the server and serve until a signal.

Must not build anything itself: that is `app`'s.
"""

import argparse
import logging
import os

from lamplighter.cli.refusal import CommandFailed
from lamplighter.config import Configuration, ConfigurationRefused, read_configuration


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", metavar="N", help="port to listen on; 0 takes any free one (default 4566)")
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--data-dir", metavar="DIR", help="where everything is kept (default: see the guide)")
    parser.add_argument("--account-id", metavar="ID", help="twelve digits (default 000000000000)")
    parser.add_argument("--region", help="the region told to clients (default us-east-1)")
    parser.add_argument("--driver", help="how functions are isolated: namespaces or process (default: the best here)")
    parser.add_argument("--config", metavar="FILE", help="a TOML file with the same settings")
    parser.add_argument("--tls-certificate", metavar="FILE", help="PEM chain; makes the endpoint https")
    parser.add_argument("--tls-key", metavar="FILE", help="PEM key of the certificate")
    parser.add_argument("--insecure-listen", action="store_true", default=None, help="plain HTTP beyond loopback")
    parser.add_argument("--drain-seconds", metavar="S", help="how long invokes may finish at shutdown (default 30)")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), help="(default warning)")


def run(arguments: argparse.Namespace) -> int:
    flags = {name: value for name, value in vars(arguments).items() if name != "verb"}
    try:
        configuration = read_configuration({"mode": arguments.verb, **flags}, os.environ)
    except ConfigurationRefused as error:
        raise CommandFailed(str(error)) from error
    logging.basicConfig(level=configuration.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return _serve(configuration)


def _serve(configuration: Configuration) -> int:
    # Imported here: the whole server, which no other verb needs.
    from lamplighter.app import StartRefused, serve

    def ready(endpoint: str, driver: str) -> None:
        print(
            f"lamplighter ready: {endpoint} ({configuration.mode}, region {configuration.region}, "
            f"account {configuration.account_id}, driver {driver})",
            flush=True,
        )

    try:
        serve(configuration, ready)
    except StartRefused as error:
        raise CommandFailed(str(error)) from error
    return 0
