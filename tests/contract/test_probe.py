"""The probe: every operation of AWS's model, asked by boto3 of a living server with what the model calls valid, and
with every single member broken that can be.

Nothing here knows what an operation does; the model says what may be answered.
"""

import re
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from lamplighter.aws.service import load_service
from tests.contract.live_server import LiveServer
from tests.unit.aws import samples

SERVICE = load_service("lambda")
MODEL = SERVICE.model
NAMES = sorted(SERVICE.operations)
ACCOUNT, REGION = "111122223333", "eu-west-1"
# Where the samples of AWS's patterns live.
SAMPLE_PLACE = re.compile(r"(?P<before>:)(?P<region>[a-z]{2}-[a-z]+-\d)(?P<between>:+)(?P<account>\d{12})?")


@pytest.fixture(scope="module")
def client(dev_server: LiveServer) -> Any:
    """A client of an account of its own that sends whatever it is given."""
    config = Config(parameter_validation=False, retries={"max_attempts": 0}, inject_host_prefix=False, read_timeout=30)
    return boto3.client(
        "lambda",
        endpoint_url=dev_server.endpoint,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="any",
        config=config,
    )


def at_home(value: Any) -> Any:
    """The sample with its ARNs in the client's own account and region: those of others are out of reach."""
    if isinstance(value, str):
        return SAMPLE_PLACE.sub(
            lambda found: f":{REGION}{found['between']}{ACCOUNT if found['account'] else ''}", value
        )
    if isinstance(value, dict):
        return {key: at_home(inner) for key, inner in value.items()}
    return [at_home(inner) for inner in value] if isinstance(value, list) else value


def request_of(name: str, *, full: bool) -> dict[str, Any]:
    described = MODEL.operations[name]
    if "input" not in described:
        return {}
    given: dict[str, Any] = at_home(samples.valid(MODEL, described["input"]["shape"], full=full))
    return given


def ask(client: Any, name: str, given: dict[str, Any]) -> tuple[int, str, str]:
    """Status, error code (empty when there is none) and message."""
    try:
        answer = client._make_api_call(name, given)
    except ClientError as error:
        response: Any = error.response
        return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]
    return answer["ResponseMetadata"]["HTTPStatusCode"], "", ""


def check_declared(client: Any, name: str, given: dict[str, Any]) -> None:
    """2xx with the status of the model, or an error that the model lists for the operation."""
    status, code, message = ask(client, name, given)
    declared = {error["shape"] if isinstance(error, dict) else error for error in MODEL.operations[name]["errors"]}
    assert not code or code in declared, (status, code, message)
    assert code or status == MODEL.operations[name]["http"].get("responseCode", 200)


@pytest.mark.parametrize("full", [False, True], ids=["required members", "every member"])
@pytest.mark.parametrize("name", NAMES)
def test_valid_input_is_answered_as_the_model_declares(client: Any, name: str, full: bool) -> None:  # noqa: FBT001
    check_declared(client, name, request_of(name, full=full))


def test_every_operation_of_the_model_is_probed() -> None:
    assert len(NAMES) == 91


def dotted(path: tuple[str | int, ...]) -> str:
    """The place of a member as AWS writes it."""
    return ".".join(f"{step + 1}.member" if isinstance(step, int) else step[:1].lower() + step[1:] for step in path)


def with_broken(case: samples.Broken) -> dict[str, Any]:
    given = request_of(case.operation, full=True)
    inner: Any = given
    for step in case.path[:-1]:
        inner = inner[step]
    if case.value is None:
        inner.pop(case.path[-1], None)
    else:
        inner[case.path[-1]] = case.value
    return given


def breaks_of(name: str) -> list[samples.Broken]:
    """Every way to break one member, but for labels of the path that are empty: those lead to another operation."""
    if "input" not in MODEL.operations[name]:
        return []
    members = MODEL.shape(MODEL.operations[name]["input"]["shape"])["members"]
    return [
        case
        for case in samples.broken(MODEL, name)
        if case.value != "" or members[case.path[0]].get("location") != "uri"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_single_broken_member_is_refused_in_awss_words(client: Any, name: str) -> None:
    """Pattern, enum, min, max and required, one at a time; and nothing but the broken member is blamed."""
    wrong = []
    for case in breaks_of(name):
        status, code, message = ask(client, name, with_broken(case))
        where = f"at '{dotted(case.path)}' failed to satisfy constraint: "
        is_told = where in message and case.words in message and message.count(" at '") == message.count(where)
        if status != 400 or not is_told:
            wrong.append((dotted(case.path), case.value, status, code, message))
    assert wrong == []


def test_the_probe_breaks_every_member_that_can_be() -> None:
    cases = [case for name in NAMES for case in breaks_of(name)]
    members = {(case.operation, case.path) for case in cases}
    assert len(members) >= 409
    assert len(cases) >= 950
