"""Capacity providers, the functions that name them, and how these scale.

Facts: LocalStack's recordings of AWS (Apache-2.0), TestLambdaTag::test_tag_exceptions[capacity_provider] (2025-11-25),
the service model (statuses, members, states), and the developer guide's page on capacity providers (defaults).
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.functions import ARN, CODE, bare, create, create_active, refusal
from tests.contract.in_process import ROLE, InProcessLambda

CAPACITY = "arn:aws:lambda:us-east-1:111111111111:capacity-provider"
VPC = {"SubnetIds": ["subnet-2", "subnet-1"], "SecurityGroupIds": ["sg-1"]}
PERMISSIONS = {"CapacityProviderOperatorRoleArn": ROLE}
CPU = {"PredefinedMetricType": "LambdaCapacityProviderAverageCPUUtilization", "TargetValue": 60.0}
CONFLICT, INVALID, MISSING = "ResourceConflictException", "InvalidParameterValueException", "ResourceNotFoundException"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        yield server.client(validate=False)


def open_capacity(client: Any, name: str, **members: Any) -> dict[str, Any]:
    answer = client.create_capacity_provider(
        CapacityProviderName=name, VpcConfig=VPC, PermissionsConfig=PERMISSIONS, **members
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    created: dict[str, Any] = answer["CapacityProvider"]
    return created


def read(client: Any, name: str) -> dict[str, Any]:
    """The capacity provider when it is Active."""
    for _ in range(10_000):
        found: dict[str, Any] = client.get_capacity_provider(CapacityProviderName=name)["CapacityProvider"]
        if found["State"] == "Active":
            return found
    raise AssertionError(found)


def managed_by(name: str) -> dict[str, Any]:
    return {
        "CapacityProviderConfig": {
            "LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": f"{CAPACITY}:{name}"}
        }
    }


def gone(name: str) -> tuple[int, str, str]:
    return 404, MISSING, f"Capacity provider not found: {CAPACITY}:{name}"


def test_one_is_pending_then_active_then_gone(client: Any) -> None:
    created = open_capacity(client, "lifecycle", Tags={"team": "a"})
    expected = {
        "CapacityProviderArn": f"{CAPACITY}:lifecycle",
        "State": "Pending",
        "VpcConfig": VPC,
        "PermissionsConfig": PERMISSIONS,
        "InstanceRequirements": {"Architectures": ["x86_64"]},
        "CapacityProviderScalingConfig": {"MaxVCpuCount": 400, "ScalingMode": "Auto"},
        "LastModified": created["LastModified"],
    }
    assert created == expected
    assert read(client, "lifecycle") == {**expected, "State": "Active"}
    assert read(client, f"{CAPACITY}:lifecycle") == {**expected, "State": "Active"}
    told = refusal(
        client.create_capacity_provider,
        CapacityProviderName="lifecycle",
        VpcConfig=VPC,
        PermissionsConfig=PERMISSIONS,
    )
    assert told[:2] == (409, CONFLICT)

    answer = client.delete_capacity_provider(CapacityProviderName="lifecycle")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["CapacityProvider"] == {**expected, "State": "Deleting"}
    for _ in range(10_000):
        if client.list_capacity_providers(State="Deleting")["CapacityProviders"] == []:
            break
    for call in (client.get_capacity_provider, client.delete_capacity_provider, client.update_capacity_provider):
        assert refusal(call, CapacityProviderName="lifecycle") == gone("lifecycle")
    assert refusal(client.list_tags, Resource=f"{CAPACITY}:lifecycle") == gone("lifecycle")


def test_an_update_changes_what_it_speaks_of(client: Any) -> None:
    open_capacity(client, "changing", CapacityProviderScalingConfig={"MaxVCpuCount": 30})
    before = read(client, "changing")
    manual = {"ScalingMode": "Manual", "ScalingPolicies": [CPU]}
    answer = client.update_capacity_provider(CapacityProviderName="changing", CapacityProviderScalingConfig=manual)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    changed = read(client, "changing")
    assert changed["CapacityProviderScalingConfig"] == {"MaxVCpuCount": 30, **manual}
    assert changed["LastModified"] >= before["LastModified"]
    client.update_capacity_provider(CapacityProviderName="changing", CapacityProviderScalingConfig=manual)
    assert read(client, "changing") == changed

    client.update_capacity_provider(
        CapacityProviderName="changing",
        CapacityProviderScalingConfig={"ScalingMode": "Auto"},
        PropagateTags={"Mode": "Explicit", "ExplicitTags": {"a": "b"}},
    )
    changed = read(client, "changing")
    assert changed["CapacityProviderScalingConfig"] == {"MaxVCpuCount": 30, "ScalingMode": "Auto"}
    assert changed["PropagateTags"] == {"Mode": "Explicit", "ExplicitTags": {"a": "b"}}


@pytest.mark.parametrize(
    "members",
    [
        {"CapacityProviderScalingConfig": {"ScalingMode": "Manual"}},
        {"CapacityProviderScalingConfig": {"ScalingPolicies": [CPU]}},
        {"InstanceRequirements": {"AllowedInstanceTypes": ["m7i.*"], "ExcludedInstanceTypes": ["c7i.*"]}},
        {"PropagateTags": {"Mode": "Explicit"}},
        {"PropagateTags": {"Mode": "None", "ExplicitTags": {"a": "b"}}},
    ],
)
def test_members_that_exclude_each_other_are_refused(client: Any, members: dict[str, Any]) -> None:
    told = refusal(
        client.create_capacity_provider,
        CapacityProviderName="impossible",
        VpcConfig=VPC,
        PermissionsConfig=PERMISSIONS,
        **members,
    )
    assert told[:2] == (400, INVALID)
    assert refusal(client.get_capacity_provider, CapacityProviderName="impossible") == gone("impossible")


def test_they_are_listed_in_pages_and_by_state(client: Any) -> None:
    names = [f"paged-{number}" for number in range(3)]
    for name in names:
        open_capacity(client, name)
    for name in names:
        read(client, name)
    paginator = client.get_paginator("list_capacity_providers")
    pages = list(paginator.paginate(State="Active", PaginationConfig={"PageSize": 2}))
    listed = [each["CapacityProviderArn"] for page in pages for each in page["CapacityProviders"]]
    assert [arn for arn in listed if "paged" in arn] == [f"{CAPACITY}:{name}" for name in names]
    assert listed == sorted(listed)
    assert client.list_capacity_providers(State="Failed")["CapacityProviders"] == []


def test_they_carry_tags(client: Any) -> None:
    """Recorded: test_tag_exceptions[capacity_provider]."""
    arn = f"{CAPACITY}:tagged"
    absent = {"Tags": {"a": "b"}}
    for call, members in (
        (client.list_tags, {}),
        (client.tag_resource, absent),
        (client.untag_resource, {"TagKeys": ["a"]}),
    ):
        assert refusal(call, Resource=arn, **members) == gone("tagged")
    open_capacity(client, "tagged", Tags={"team": "a"})
    before = read(client, "tagged")
    assert client.list_tags(Resource=arn)["Tags"] == {"team": "a"}
    client.tag_resource(Resource=arn, Tags={"cost": "1"})
    client.untag_resource(Resource=arn, TagKeys=["team"])
    assert client.list_tags(Resource=arn)["Tags"] == {"cost": "1"}
    assert read(client, "tagged") == before


def test_a_managed_function_is_kept_and_says_that_nothing_can_run_it(client: Any) -> None:
    """AWS's states: $LATEST is ActiveNonInvocable; a version that finds no instances is Failed."""
    open_capacity(client, "managing")
    create(client, "managed", **managed_by("managing"))
    for _ in range(10_000):
        latest = client.get_function_configuration(FunctionName="managed")
        if latest["State"] != "Pending":
            break
    assert latest["State"] == "ActiveNonInvocable"
    assert latest["CapacityProviderConfig"] == managed_by("managing")["CapacityProviderConfig"]
    client.publish_version(FunctionName="managed")
    for _ in range(10_000):
        version = client.get_function_configuration(FunctionName="managed", Qualifier="1")
        if version["State"] != "Pending":
            break
    assert (version["State"], version["StateReasonCode"]) == ("Failed", "InsufficientCapacity")

    listed = bare(client.list_function_versions_by_capacity_provider(CapacityProviderName="managing"))
    assert listed == {
        "CapacityProviderArn": f"{CAPACITY}:managing",
        "FunctionVersions": [
            {"FunctionArn": f"{ARN}:managed:$LATEST", "State": "ActiveNonInvocable"},
            {"FunctionArn": f"{ARN}:managed:1", "State": "Failed"},
        ],
    }
    pages = client.get_paginator("list_function_versions_by_capacity_provider").paginate(
        CapacityProviderName="managing", PaginationConfig={"PageSize": 1}
    )
    assert [page["FunctionVersions"] for page in pages] == [[item] for item in listed["FunctionVersions"]]
    assert refusal(client.delete_capacity_provider, CapacityProviderName="managing")[:2] == (409, CONFLICT)

    open_capacity(client, "other")
    client.update_function_configuration(FunctionName="managed", **managed_by("other"))
    listed = client.list_function_versions_by_capacity_provider(CapacityProviderName="managing")["FunctionVersions"]
    assert [item["FunctionArn"] for item in listed] == [f"{ARN}:managed:1"]
    client.delete_function(FunctionName="managed")
    assert client.list_function_versions_by_capacity_provider(CapacityProviderName="other")["FunctionVersions"] == []
    client.delete_capacity_provider(CapacityProviderName="managing")


def test_a_function_can_only_name_one_that_is_there_and_only_from_its_creation_on(client: Any) -> None:
    members = {"Runtime": "python3.13", "Role": ROLE, "Handler": "h.h", "Code": {"ZipFile": CODE}}
    assert refusal(client.create_function, FunctionName="astray", **members, **managed_by("absent")) == gone("absent")
    open_capacity(client, "present")
    create_active(client, "ordinary")
    call = client.update_function_configuration
    assert refusal(call, FunctionName="ordinary", **managed_by("present")) == (
        400,
        INVALID,
        "CapacityProviderConfig isn't supported for Lambda Default functions.",
    )


def test_versions_of_managed_functions_scale(client: Any) -> None:
    open_capacity(client, "scaling")
    create(client, "scaled", **managed_by("scaling"))
    client.publish_version(FunctionName="scaled")
    at = {"FunctionName": "scaled", "Qualifier": "1"}
    assert bare(client.get_function_scaling_config(**at)) == {"FunctionArn": f"{ARN}:scaled:1"}
    wanted = {"MinExecutionEnvironments": 1, "MaxExecutionEnvironments": 5}
    answer = client.put_function_scaling_config(**at, FunctionScalingConfig=wanted)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["FunctionState"] in {"Pending", "Failed"}
    described = {"FunctionArn": f"{ARN}:scaled:1", "RequestedFunctionScalingConfig": wanted}
    assert bare(client.get_function_scaling_config(**at)) == described
    upside_down = {"MinExecutionEnvironments": 6, "MaxExecutionEnvironments": 5}
    told = refusal(client.put_function_scaling_config, **at, FunctionScalingConfig=upside_down)
    assert told[:2] == (400, INVALID)
    client.put_function_scaling_config(**at)
    assert bare(client.get_function_scaling_config(**at)) == {"FunctionArn": f"{ARN}:scaled:1"}


def test_other_functions_do_not_scale_like_that(client: Any) -> None:
    create_active(client, "unmanaged", Publish=True)
    at = {"FunctionName": "unmanaged", "Qualifier": "1"}
    for call in (client.get_function_scaling_config, client.put_function_scaling_config):
        assert refusal(call, **at)[:2] == (400, INVALID)
        for qualifier in ("2", "$LATEST.PUBLISHED"):
            missing = f"Function not found: {ARN}:unmanaged:{qualifier}"
            assert refusal(call, FunctionName="unmanaged", Qualifier=qualifier) == (404, MISSING, missing)
