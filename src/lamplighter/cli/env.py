"""`lamplighter env`: the exports that point a shell's AWS clients to the running server.

Use it as `eval "$(lamplighter env)"`.
"""

import argparse
import json
import shlex

from lamplighter.cli.running_server import RunningServer, add_data_dir, configuration_of, find_server


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data_dir(parser)
    parser.add_argument("--json", action="store_true", help="as a JSON object instead of export lines")


def run(arguments: argparse.Namespace) -> int:
    variables = exports(find_server(configuration_of(arguments)))
    if arguments.json:
        print(json.dumps(variables, indent=2))
    else:
        print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()))
    return 0


def exports(server: RunningServer) -> dict[str, str]:
    """The environment of an AWS client. Host prefixes are off, because no DNS name leads to us."""
    variables = {
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ENDPOINT_URL_LAMBDA": server.endpoint,
        "AWS_REGION": server.region,
        "AWS_DEFAULT_REGION": server.region,
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }
    if server.certificate:
        variables["AWS_CA_BUNDLE"] = server.certificate
    return variables
