"""Function URLs as AWS answers them.

Facts: LocalStack's recordings of AWS (Apache-2.0), TestLambdaUrl and TestLambdaFunction::test_ops_on_nonexisting_fn
(2025-11-25). Wordings for functions and aliases that are not there: AWS's own, as public providers quote them.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from lamplighter.resources.function_urls.table import find_url
from tests.contract.functions import ARN, bare, create_active, refusal
from tests.contract.in_process import InProcessLambda

NO_URL = (404, "ResourceNotFoundException", "The resource you requested does not exist.")
NO_FUNCTION = (404, "ResourceNotFoundException", "Function does not exist")
CORS = {
    "AllowCredentials": True,
    "AllowHeaders": ["x-b", "x-a"],
    "AllowMethods": ["POST", "GET"],
    "AllowOrigins": ["https://b.example", "https://a.example"],
    "ExposeHeaders": ["x-c"],
    "MaxAge": 0,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcessLambda]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: InProcessLambda) -> Any:
    return server.client(validate=False)


@pytest.fixture
def name(client: Any, request: pytest.FixtureRequest) -> str:
    """A function with version 1 and two aliases for it."""
    name = f"f{abs(hash(request.node.name))}"
    create_active(client, name, Publish=True)
    for alias in ("live", "beta"):
        client.create_alias(FunctionName=name, Name=alias, FunctionVersion="1")
    return name


def test_a_url_is_created_read_changed_and_deleted(client: Any, name: str) -> None:
    """Recorded: test_url_config_lifecycle. Creating and updating show no InvokeMode unless one was given."""
    created = client.create_function_url_config(FunctionName=name, AuthType="NONE")
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert re.fullmatch(r"http://[a-z2-7]{32}\.lambda-url\.us-east-1\.in-process\.test/", created["FunctionUrl"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", created["CreationTime"])
    described = {
        "FunctionUrl": created["FunctionUrl"],
        "FunctionArn": f"{ARN}:{name}",
        "AuthType": "NONE",
        "CreationTime": created["CreationTime"],
    }
    assert bare(created) == described
    read = bare(client.get_function_url_config(FunctionName=name))
    assert read == {**described, "LastModifiedTime": created["CreationTime"], "InvokeMode": "BUFFERED"}
    assert refusal(client.create_function_url_config, FunctionName=name, AuthType="NONE") == (
        409,
        "ResourceConflictException",
        (
            f"Failed to create function url config for [functionArn = {ARN}:{name}]. "
            "Error message:  FunctionUrlConfig exists for this Lambda function"
        ),
    )

    updated = bare(client.update_function_url_config(FunctionName=name, AuthType="AWS_IAM"))
    assert updated.pop("LastModifiedTime") > created["CreationTime"]
    assert updated == {**described, "AuthType": "AWS_IAM"}

    deleted = client.delete_function_url_config(FunctionName=name)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(client.get_function_url_config, FunctionName=name) == NO_URL
    assert refusal(client.delete_function_url_config, FunctionName=name) == NO_URL
    again = client.create_function_url_config(FunctionName=name, AuthType="NONE")
    assert again["FunctionUrl"] == created["FunctionUrl"]


def test_the_url_of_an_alias_is_its_own(client: Any, name: str) -> None:
    """Recorded: test_url_config_deletion_without_qualifier."""
    client.create_function_url_config(FunctionName=name, AuthType="NONE")
    of_alias = client.create_function_url_config(FunctionName=name, AuthType="NONE", Qualifier="live")
    assert of_alias["FunctionArn"] == f"{ARN}:{name}:live"
    client.delete_function_url_config(FunctionName=name)
    assert refusal(client.get_function_url_config, FunctionName=name) == NO_URL
    read = client.get_function_url_config(FunctionName=f"{ARN}:{name}:live")
    assert read["FunctionUrl"] == of_alias["FunctionUrl"]

    client.delete_alias(FunctionName=name, Name="live")
    assert refusal(client.get_function_url_config, FunctionName=name, Qualifier="live") == NO_URL


def test_all_six_fields_of_cors_are_kept_as_given_and_taken_away_by_an_empty_one(client: Any, name: str) -> None:
    created = client.create_function_url_config(
        FunctionName=name, AuthType="NONE", Cors=CORS, InvokeMode="RESPONSE_STREAM"
    )
    assert (created["Cors"], created["InvokeMode"]) == (CORS, "RESPONSE_STREAM")
    updated = client.update_function_url_config(FunctionName=name, AuthType="AWS_IAM")
    assert (updated["Cors"], updated["InvokeMode"]) == (CORS, "RESPONSE_STREAM")
    assert client.update_function_url_config(FunctionName=name, Cors={"MaxAge": 5})["Cors"] == {"MaxAge": 5}
    assert "Cors" not in client.update_function_url_config(FunctionName=name, Cors={})
    assert "Cors" not in client.get_function_url_config(FunctionName=name)


def test_the_id_in_a_url_leads_to_its_configuration(server: InProcessLambda, client: Any, name: str) -> None:
    url = client.create_function_url_config(FunctionName=name, AuthType="AWS_IAM", Qualifier="live")["FunctionUrl"]
    url_id = url.removeprefix("http://").partition(".")[0]
    found = find_url(server.storage, url_id)
    assert found is not None
    assert (found.function_arn, found.auth_type) == (f"{ARN}:{name}:live", "AWS_IAM")
    client.delete_function_url_config(FunctionName=name, Qualifier="live")
    assert find_url(server.storage, url_id) is None


def test_urls_are_listed_in_pages(client: Any, name: str) -> None:
    for members in ({"Qualifier": "live"}, {}, {"Qualifier": "beta"}):
        client.create_function_url_config(FunctionName=name, AuthType="NONE", **members)
    arns = [f"{ARN}:{name}", f"{ARN}:{name}:beta", f"{ARN}:{name}:live"]

    listed = client.list_function_url_configs(FunctionName=name)
    assert [config["FunctionArn"] for config in listed["FunctionUrlConfigs"]] == arns
    assert "NextMarker" not in listed
    assert listed["FunctionUrlConfigs"][1] == bare(client.get_function_url_config(FunctionName=name, Qualifier="beta"))
    paginator = client.get_paginator("list_function_url_configs")
    pages = list(paginator.paginate(FunctionName=name, PaginationConfig={"PageSize": 1}))
    assert [page["FunctionUrlConfigs"][0]["FunctionArn"] for page in pages] == arns


def test_a_function_takes_its_urls_with_it(client: Any, name: str) -> None:
    client.create_function_url_config(FunctionName=name, AuthType="NONE")
    client.create_function_url_config(FunctionName=name, AuthType="NONE", Qualifier="live")
    client.delete_function(FunctionName=name)
    create_active(client, name)
    assert client.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"] == []


def test_what_is_not_there(client: Any, name: str) -> None:
    """Recorded: test_ops_on_nonexisting_fn[get_function_url_config]."""
    for members in ({"FunctionName": "nowhere"}, {"FunctionName": name, "Qualifier": "nowhere"}):
        assert refusal(client.create_function_url_config, **members, AuthType="NONE") == NO_FUNCTION
        assert refusal(client.update_function_url_config, **members, AuthType="NONE") == NO_FUNCTION
        assert refusal(client.get_function_url_config, **members) == NO_URL
        assert refusal(client.delete_function_url_config, **members) == NO_URL
    assert refusal(client.list_function_url_configs, FunctionName="nowhere") == NO_FUNCTION
    assert refusal(client.update_function_url_config, FunctionName=name, AuthType="NONE") == NO_URL


@pytest.mark.parametrize("qualifier", ["1", "2", "$LATEST"])
def test_versions_have_no_urls(client: Any, name: str, qualifier: str) -> None:
    calls = {
        client.create_function_url_config: {"AuthType": "NONE"},
        client.get_function_url_config: {},
        client.update_function_url_config: {"AuthType": "NONE"},
        client.delete_function_url_config: {},
    }
    for call, members in calls.items():
        assert refusal(call, FunctionName=name, Qualifier=qualifier, **members) == (
            400,
            "ValidationException",
            (
                f"1 validation error detected: Value '{qualifier}' at 'qualifier' failed to satisfy constraint: "
                r"Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)"
            ),
        )
