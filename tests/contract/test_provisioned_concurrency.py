"""Provisioned concurrency as AWS answers it.

Facts: the AWS CLI's documented examples (key sets, times to the second), and AWS's own wordings as public tools and
providers quote them. Running functions is not what these tests are about: they say themselves how many environments
are there; tests/e2e/test_provisioned_environments.py has real ones.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.provisioned_concurrency.model import Provisioned
from tests.contract.functions import ARN, bare, create_active, refusal
from tests.contract.in_process import InProcessLambda

INVALID = "InvalidParameterValueException"
UNPUBLISHED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
NO_SUBJECT = "The function resource provided must be an alias or a published version."


class ToldEnvironments:
    """Has as many environments ready as a test says; remembers how many are wanted, by name and version."""

    def __init__(self) -> None:
        self.wanted: dict[tuple[str, str], int] = {}
        self.ready: dict[tuple[str, str], Provisioned] = {}

    def provision(self, configuration: FunctionConfiguration, count: int) -> None:
        self.wanted[configuration.name, configuration.version] = count

    def provisioned(self, configuration: FunctionConfiguration) -> Provisioned:
        return self.ready.get((configuration.name, configuration.version), Provisioned())


@pytest.fixture(scope="module")
def environments() -> ToldEnvironments:
    return ToldEnvironments()


@pytest.fixture(scope="module")
def client(environments: ToldEnvironments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda"), environments=environments) as server:
        yield server.client(validate=False)


@pytest.fixture
def name(client: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """A function with versions 1 and 2, and an alias for 1."""
    name = f"f{abs(hash(request.node.name))}"
    create_active(client, name, Publish=True)
    client.update_function_configuration(FunctionName=name, Description="second")
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    yield name
    client.delete_function(FunctionName=name)


def put(client: Any, name: str, qualifier: str, count: int) -> dict[str, Any]:
    answer = client.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier=qualifier, ProvisionedConcurrentExecutions=count
    )
    return bare(answer)


def get(client: Any, name: str, qualifier: str) -> dict[str, Any]:
    return bare(client.get_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier))


def test_a_configuration_is_in_progress_until_its_environments_are_there(
    client: Any, environments: ToldEnvironments, name: str
) -> None:
    answer = client.put_provisioned_concurrency_config(
        FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=2
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    modified = answer["LastModified"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000", modified)
    figures = {
        "RequestedProvisionedConcurrentExecutions": 2,
        "AvailableProvisionedConcurrentExecutions": 0,
        "AllocatedProvisionedConcurrentExecutions": 0,
        "LastModified": modified,
    }
    assert bare(answer) == {**figures, "Status": "IN_PROGRESS"}
    assert environments.wanted[name, "1"] == 2

    for ready, status in ((0, "IN_PROGRESS"), (1, "IN_PROGRESS"), (2, "READY")):
        environments.ready[name, "1"] = Provisioned(ready=ready)
        figures["AvailableProvisionedConcurrentExecutions"] = ready
        figures["AllocatedProvisionedConcurrentExecutions"] = ready
        assert get(client, name, "1") == {**figures, "Status": status}
    environments.ready[name, "1"] = Provisioned(failure="FUNCTION_ERROR_INIT_FAILURE")
    failed = get(client, f"{name}:1", "1")
    assert (failed["Status"], failed["StatusReason"]) == ("FAILED", "FUNCTION_ERROR_INIT_FAILURE")

    answer = client.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert environments.wanted[name, "1"] == 0
    assert refusal(client.get_provisioned_concurrency_config, FunctionName=name, Qualifier="1") == (
        404,
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
    )
    client.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="1")


def test_an_alias_wants_environments_of_the_versions_that_it_leads_to(
    client: Any, environments: ToldEnvironments, name: str
) -> None:
    put(client, name, "live", 4)
    assert environments.wanted[name, "1"] == 4
    weights = {"AdditionalVersionWeights": {"2": 0.3}}
    client.update_alias(FunctionName=name, Name="live", RoutingConfig=weights)
    assert (environments.wanted[name, "1"], environments.wanted[name, "2"]) == (2, 2)
    environments.ready[name, "1"] = Provisioned(ready=2)
    assert get(client, name, "live")["Status"] == "IN_PROGRESS"
    environments.ready[name, "2"] = Provisioned(ready=2)
    assert get(client, name, "live")["Status"] == "READY"

    client.update_alias(FunctionName=name, Name="live", FunctionVersion="2", RoutingConfig={})
    assert (environments.wanted[name, "1"], environments.wanted[name, "2"]) == (0, 4)
    client.delete_alias(FunctionName=name, Name="live")
    assert environments.wanted[name, "2"] == 0
    assert client.list_provisioned_concurrency_configs(FunctionName=name)["ProvisionedConcurrencyConfigs"] == []


def test_configurations_are_listed_in_pages(client: Any, name: str) -> None:
    client.create_alias(FunctionName=name, Name="beta", FunctionVersion="2")
    for qualifier in ("live", "beta"):
        put(client, name, qualifier, 1)
    listed = client.list_provisioned_concurrency_configs(FunctionName=name)["ProvisionedConcurrencyConfigs"]
    arns = [f"{ARN}:{name}:beta", f"{ARN}:{name}:live"]
    assert listed[0] == {"FunctionArn": arns[0], **get(client, name, "beta")}
    pages = client.get_paginator("list_provisioned_concurrency_configs").paginate(
        FunctionName=name, PaginationConfig={"PageSize": 1}
    )
    assert [page["ProvisionedConcurrencyConfigs"][0]["FunctionArn"] for page in pages] == arns


def test_only_what_is_published_is_provisioned(client: Any, name: str) -> None:
    client.create_alias(FunctionName=name, Name="dev", FunctionVersion="$LATEST")
    call = client.put_provisioned_concurrency_config
    for qualifier in ("$LATEST", "dev"):
        told = refusal(call, FunctionName=name, Qualifier=qualifier, ProvisionedConcurrentExecutions=1)
        assert told == (400, INVALID, UNPUBLISHED)
    for call in (client.get_provisioned_concurrency_config, client.delete_provisioned_concurrency_config):
        assert refusal(call, FunctionName=name, Qualifier="$LATEST") == (400, INVALID, NO_SUBJECT)


def test_what_is_not_there(client: Any, name: str) -> None:
    for qualifier, missing in (("7", "Function not found"), ("gone", "Cannot find alias arn")):
        expected = (404, "ResourceNotFoundException", f"{missing}: {ARN}:{name}:{qualifier}")
        members = {"FunctionName": name, "Qualifier": qualifier}
        call = client.put_provisioned_concurrency_config
        assert refusal(call, **members, ProvisionedConcurrentExecutions=1) == expected
        assert refusal(client.get_provisioned_concurrency_config, **members) == expected
        assert refusal(client.delete_provisioned_concurrency_config, **members) == expected
    expected = (404, "ResourceNotFoundException", f"Function not found: {ARN}:nowhere")
    assert refusal(client.list_provisioned_concurrency_configs, FunctionName="nowhere") == expected


def test_a_number_below_one_is_refused(client: Any, name: str) -> None:
    call = client.put_provisioned_concurrency_config
    assert refusal(call, FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=0) == (
        400,
        "ValidationException",
        (
            "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1"
        ),
    )


def test_the_account_keeps_its_minimum(client: Any, name: str) -> None:
    """Without reservation, what is provisioned is the account's; it shows in GetAccountSettings."""
    call = client.put_provisioned_concurrency_config
    too_many, too_few_left = (
        "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000].",
        (
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below "
            "its minimum value of [100]."
        ),
    )
    for count, message in ((1001, too_many), (901, too_few_left)):
        with pytest.raises(client.exceptions.InvalidParameterValueException) as caught:
            call(FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=count)
        assert caught.value.response["Error"]["Message"] == message
        assert "Type" not in caught.value.response
    put(client, name, "1", 900)
    limits = client.get_account_settings()["AccountLimit"]
    assert limits["UnreservedConcurrentExecutions"] == 100
    assert put(client, name, "1", 10)["RequestedProvisionedConcurrentExecutions"] == 10


def test_a_reservation_holds_what_is_provisioned(client: Any, name: str) -> None:
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=10)
    put(client, name, "live", 6)
    call = client.put_provisioned_concurrency_config
    assert refusal(call, FunctionName=name, Qualifier="2", ProvisionedConcurrentExecutions=5) == (
        400,
        INVALID,
        "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
    )
    put(client, name, "2", 4)
    assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 990
    assert refusal(client.put_function_concurrency, FunctionName=name, ReservedConcurrentExecutions=9) == (
        400,
        INVALID,
        " ReservedConcurrentExecutions  9 should not be lower than function's total provisioned concurrency [10].",
    )


def test_a_version_is_provisioned_for_itself_or_through_an_alias(client: Any, name: str) -> None:
    put(client, name, "live", 1)
    call = client.put_provisioned_concurrency_config
    assert refusal(call, FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=1) == (
        409,
        "ResourceConflictException",
        "Version is pointed by a Provisioned Concurrency alias",
    )
    client.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="live")
    put(client, name, "1", 1)
    assert refusal(call, FunctionName=name, Qualifier="live", ProvisionedConcurrentExecutions=1) == (
        409,
        "ResourceConflictException",
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
    )
