"""Event invoke configurations as AWS answers them.

Facts: LocalStack's recordings of AWS (Apache-2.0), TestLambdaEventInvokeConfig (2025-11-25).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.contract.functions import ARN, bare, create_active, refusal
from tests.contract.in_process import InProcessLambda

NOWHERE: dict[str, dict[str, str]] = {"OnFailure": {}, "OnSuccess": {}}
NO_FUNCTION = (404, "ResourceNotFoundException", "The function doesn't exist.")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        client = server.client(validate=False)
        create_active(client, "target")
        yield client


@pytest.fixture
def name(client: Any, request: pytest.FixtureRequest) -> str:
    """A function with version 1 and an alias for it."""
    name = f"f{abs(hash(request.node.name))}"
    create_active(client, name, Publish=True)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    return name


def seen(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer without its time, which must be one."""
    answer = bare(answer)
    assert isinstance(answer.pop("LastModified"), datetime)
    return answer


def no_config(name: str, qualifier: str) -> tuple[int, str, str]:
    message = f"The function {ARN}:{name}:{qualifier} doesn't have an EventInvokeConfig"
    return 404, "ResourceNotFoundException", message


def test_put_replaces_and_update_changes(client: Any, name: str) -> None:
    call = client.put_function_event_invoke_config
    latest = {"FunctionArn": f"{ARN}:{name}:$LATEST", "DestinationConfig": NOWHERE}

    assert seen(call(FunctionName=name, MaximumRetryAttempts=0)) == {**latest, "MaximumRetryAttempts": 0}
    assert seen(call(FunctionName=name, MaximumEventAgeInSeconds=60)) == {**latest, "MaximumEventAgeInSeconds": 60}
    updated = seen(client.update_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1))
    assert updated == {**latest, "MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 1}
    for qualifier in ({}, {"Qualifier": "$LATEST"}):
        assert seen(client.get_function_event_invoke_config(FunctionName=name, **qualifier)) == updated
    assert refusal(client.get_function_event_invoke_config, FunctionName=name, Qualifier="1") == no_config(name, "1")


def test_every_qualifier_has_its_own(client: Any, name: str) -> None:
    for members in (
        {"FunctionName": f"{name}:live"},
        {"FunctionName": name, "Qualifier": "1"},
        {"FunctionName": f"{ARN}:{name}:$LATEST", "Qualifier": "$LATEST"},
    ):
        client.put_function_event_invoke_config(**members, MaximumRetryAttempts=1)

    listed = client.list_function_event_invoke_configs(FunctionName=name)["FunctionEventInvokeConfigs"]
    assert [config["FunctionArn"] for config in listed] == [
        f"{ARN}:{name}:$LATEST",
        f"{ARN}:{name}:1",
        f"{ARN}:{name}:live",
    ]
    pages = client.get_paginator("list_function_event_invoke_configs").paginate(
        FunctionName=name, PaginationConfig={"PageSize": 1}
    )
    assert [config for page in pages for config in page["FunctionEventInvokeConfigs"]] == listed
    for qualifier in ("$LATEST", "1", "live"):
        client.delete_function_event_invoke_config(FunctionName=name, Qualifier=qualifier)
        assert refusal(client.delete_function_event_invoke_config, FunctionName=name, Qualifier=qualifier) == no_config(
            name, qualifier
        )
    assert client.list_function_event_invoke_configs(FunctionName=name)["FunctionEventInvokeConfigs"] == []


def test_what_is_not_there(client: Any, name: str) -> None:
    put = client.put_function_event_invoke_config

    assert refusal(put, FunctionName="doesnotexist", MaximumRetryAttempts=1) == NO_FUNCTION
    assert refusal(put, FunctionName=name, Qualifier="absent", MaximumRetryAttempts=1) == NO_FUNCTION
    assert (
        refusal(client.update_function_event_invoke_config, FunctionName="doesnotexist", MaximumRetryAttempts=1)
        == NO_FUNCTION
    )
    assert refusal(client.list_function_event_invoke_configs, FunctionName="doesnotexist") == NO_FUNCTION
    assert refusal(client.get_function_event_invoke_config, FunctionName="doesnotexist") == no_config(
        "doesnotexist", "$LATEST"
    )
    assert refusal(
        client.update_function_event_invoke_config, FunctionName=name, Qualifier="live", MaximumRetryAttempts=1
    ) == no_config(name, "live")
    invalid = (400, "InvalidParameterValueException")
    assert refusal(put, FunctionName=name) == (
        *invalid,
        "You must specify at least one of error handling or destination setting.",
    )
    assert refusal(put, FunctionName=f"{name}:live", Qualifier="1", MaximumRetryAttempts=1) == (
        *invalid,
        "The derived qualifier from the function name does not match the specified qualifier.",
    )


def test_destinations_are_checked(client: Any, name: str) -> None:
    def put(**destinations: str) -> dict[str, Any]:
        config = {member: {"Destination": arn} for member, arn in destinations.items()}
        return {"FunctionName": name, "DestinationConfig": config}

    call, invalid = client.put_function_event_invoke_config, (400, "InvalidParameterValueException")
    assert seen(call(**put(OnSuccess=f"{ARN}:target")))["DestinationConfig"] == {
        "OnFailure": {},
        "OnSuccess": {"Destination": f"{ARN}:target"},
    }
    assert seen(call(FunctionName=name, DestinationConfig={"OnFailure": {}}))["DestinationConfig"] == NOWHERE
    assert refusal(call, **put(OnFailure=f"{ARN}:doesnotexist")) == (
        *invalid,
        f"The destination ARN {ARN}:doesnotexist is invalid.",
    )
    assert refusal(call, **put(OnFailure=f"{ARN}:{name}")) == (
        *invalid,
        "You can't specify the function as a destination for itself.",
    )
    other = "arn:aws:iam:us-east-1:111111111111:function:f"
    assert refusal(call, **put(OnSuccess=other)) == (
        *invalid,
        (
            "The provided destination config "
            f"DestinationConfig(onSuccess=OnSuccess(destination={other}), onFailure=null) is invalid."
        ),
    )
    misspelt = "arn:aws:_-/!lambda:us-east-1:111111111111:function:f"
    assert refusal(call, **put(OnFailure=misspelt)) == (
        400,
        "ValidationException",
        (
            f"1 validation error detected: Value '{misspelt}' at 'destinationConfig.onFailure.destination' failed to "
            r"satisfy constraint: Member must satisfy regular expression pattern: $|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|"
            r"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:"
            "(.*)"
        ),
    )
