"""A server that knows an IAM lets functions have only roles that Lambda may assume."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.functions import CODE, refusal, wait_active
from tests.contract.live_server import start_server
from tests.moto_server import ACCOUNT, moto_server

LEAST = {"Runtime": "python3.12", "Handler": "handler.handler", "Code": {"ZipFile": CODE}}
NOT_ASSUMED = "The role defined for the function cannot be assumed by Lambda."

pytestmark = pytest.mark.slow


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with moto_server() as moto:
        iam = moto.client("iam")
        iam.create_role(
            RoleName="for-lambda", Path="/made/here/", AssumeRolePolicyDocument=trust("lambda.amazonaws.com")
        )
        iam.create_role(RoleName="for-ec2", AssumeRolePolicyDocument=trust("ec2.amazonaws.com"))
        settings = {**moto.settings("iam"), "LAMPLIGHTER_INSTALL_RUNTIMES": "false"}
        server = start_server("dev", tmp_path_factory.mktemp("roles") / "data", environment=settings)
        yield server.client()
        server.stop()


def role(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def test_a_role_that_trusts_lambda_is_taken(client: Any) -> None:
    client.create_function(FunctionName="fine", Role=role("made/here/for-lambda"), **LEAST)
    wait_active(client, "fine")


@pytest.mark.parametrize("name", ["for-ec2", "absent"])
def test_a_role_that_lambda_may_not_assume_is_refused(client: Any, name: str) -> None:
    refused = (400, "InvalidParameterValueException", NOT_ASSUMED)
    assert refusal(client.create_function, FunctionName="refused", Role=role(name), **LEAST) == refused


def test_a_role_of_another_account_is_refused(client: Any) -> None:
    refused = (403, "AccessDeniedException", "Cross-account pass role is not allowed.")
    foreign = role("for-lambda", "222222222222")
    assert refusal(client.create_function, FunctionName="refused", Role=foreign, **LEAST) == refused


def test_an_update_may_not_bring_in_such_a_role(client: Any) -> None:
    client.create_function(FunctionName="updated", Role=role("for-lambda"), **LEAST)
    wait_active(client, "updated")
    update = client.update_function_configuration
    refused = (400, "InvalidParameterValueException", NOT_ASSUMED)
    assert refusal(update, FunctionName="updated", Role=role("for-ec2")) == refused
    assert client.get_function_configuration(FunctionName="updated")["Role"] == role("for-lambda")
