"""Who may call: valid signatures only under `up`, anybody on loopback under `dev`."""

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tests.contract.live_server import LiveServer, StartServer

COMMAND = (sys.executable, "-m", "lamplighter.cli")


def refusal(client: Any) -> tuple[str, int]:
    """Code and status of the refusal that a harmless call gets."""
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.get_function(FunctionName="nobody")
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_the_root_key_is_accepted_under_up(up_server: LiveServer) -> None:
    assert refusal(up_server.client()) == ("ResourceNotFoundException", 404)


def test_a_wrong_secret_is_refused_under_up(up_server: LiveServer) -> None:
    assert refusal(up_server.client(secret="wrong")) == ("InvalidSignatureException", 403)


def test_the_dev_convention_of_account_keys_ends_where_authentication_begins(up_server: LiveServer) -> None:
    session = boto3.Session(aws_access_key_id="123456789012", aws_secret_access_key="x")
    client = session.client("lambda", endpoint_url=up_server.endpoint, region_name="us-east-1")

    assert refusal(client) == ("UnrecognizedClientException", 403)


def test_unsigned_calls_are_refused_under_up_but_not_under_dev(up_server: LiveServer, dev_server: LiveServer) -> None:
    for server, expected in (
        (up_server, ("MissingAuthenticationTokenException", 403)),
        (dev_server, ("ResourceNotFoundException", 404)),
    ):
        client = boto3.client(
            "lambda",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            config=Config(signature_version=UNSIGNED),
        )
        assert refusal(client) == expected


def test_the_root_key_file_is_private_and_survives_a_restart(server_factory: StartServer) -> None:
    first = server_factory("up")
    credentials = first.data_dir / "credentials"
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    assert first.stop() == 0

    second = server_factory("up")
    assert second.keys == first.keys
    assert first.keys[1] not in first.log.read_text()


def test_env_leads_a_client_to_the_server(up_server: LiveServer) -> None:
    exports = subprocess.run(
        [*COMMAND, "env", "--data-dir", str(up_server.data_dir)],
        capture_output=True, text=True, check=True, timeout=30,
    ).stdout  # fmt: skip
    code = "import boto3; boto3.client('lambda').get_function(FunctionName='nobody')"
    outcome = subprocess.run(
        ["bash", "-c", f'{exports}\n"{sys.executable}" -c "{code}"'],
        capture_output=True, text=True, check=False, timeout=30, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip

    assert "ResourceNotFoundException" in outcome.stderr


def test_a_second_server_on_the_same_data_is_refused_in_one_sentence(up_server: LiveServer) -> None:
    outcome = subprocess.run(
        [*COMMAND, "up", "--port", "0", "--data-dir", str(up_server.data_dir)],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip

    assert outcome.returncode == 1
    assert outcome.stderr.startswith("lamplighter up: ")
    assert "Traceback" not in outcome.stderr


def test_a_taken_port_is_refused_in_one_sentence(up_server: LiveServer, tmp_path: Path) -> None:
    outcome = subprocess.run(
        [*COMMAND, "up", "--port", str(up_server.address[1]), "--data-dir", str(tmp_path / "d")],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip

    assert (outcome.returncode, outcome.stderr.count("\n")) == (1, 1)
    assert "taken" in outcome.stderr
