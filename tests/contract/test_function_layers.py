"""Layers: publish, list, get, delete, permissions, and their use by functions."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.functions import CODE, bare, create_active, refusal, wait_updated
from tests.contract.in_process import ROLE, InProcessLambda, zip_of

LAYER = zip_of(library="VALUE = 1\n")
ARN = "arn:aws:lambda:us-east-1:111111111111:layer"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        yield server.client(validate=False)


def publish(client: Any, name: str, **members: Any) -> dict[str, Any]:
    return bare(client.publish_layer_version(LayerName=name, Content={"ZipFile": LAYER}, **members))


def test_a_layer_version_is_published_and_found(client: Any) -> None:
    published = publish(client, "basic", Description="d", CompatibleRuntimes=["python3.12"], LicenseInfo="MIT")

    assert published["LayerVersionArn"] == f"{ARN}:basic:1"
    assert published["LayerArn"] == f"{ARN}:basic"
    assert (published["Version"], published["CompatibleRuntimes"]) == (1, ["python3.12"])
    assert set(published["Content"]) == {"Location", "CodeSha256", "CodeSize"}
    assert published["Content"]["CodeSize"] == len(LAYER)
    found = bare(client.get_layer_version(LayerName="basic", VersionNumber=1))
    by_arn = bare(client.get_layer_version_by_arn(Arn=f"{ARN}:basic:1"))
    for answer in (published, found, by_arn):
        answer["Content"].pop("Location")
    assert found == published == by_arn


def test_lists_show_what_suits_newest_first(client: Any) -> None:
    for runtime in ("python3.12", "nodejs22.x", "python3.12"):
        publish(client, "many", CompatibleRuntimes=[runtime], CompatibleArchitectures=["x86_64"])

    listed = client.list_layer_versions(LayerName="many")["LayerVersions"]
    assert [version["Version"] for version in listed] == [3, 2, 1]
    pages = client.get_paginator("list_layer_versions").paginate(LayerName="many", PaginationConfig={"PageSize": 2})
    assert [version["Version"] for page in pages for version in page["LayerVersions"]] == [3, 2, 1]
    suiting = client.list_layer_versions(LayerName="many", CompatibleRuntime="nodejs22.x")["LayerVersions"]
    assert [version["Version"] for version in suiting] == [2]
    layers = {layer["LayerName"]: layer for layer in client.list_layers(CompatibleRuntime="nodejs22.x")["Layers"]}
    assert layers["many"]["LatestMatchingVersion"]["Version"] == 2
    assert layers["many"]["LayerArn"] == f"{ARN}:many"
    assert client.list_layer_versions(LayerName="absent")["LayerVersions"] == []


def test_a_deleted_version_goes_on_working_where_it_is_used(client: Any) -> None:
    arn = publish(client, "used")["LayerVersionArn"]
    created = create_active(client, "layered", Layers=[arn])
    assert created["Layers"] == [{"Arn": arn, "CodeSize": len(LAYER)}]

    client.delete_layer_version(LayerName="used", VersionNumber=1)
    client.delete_layer_version(LayerName="used", VersionNumber=1)

    assert refusal(client.get_layer_version, LayerName="used", VersionNumber=1) == (
        404,
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
    )
    assert client.get_function_configuration(FunctionName="layered")["Layers"] == created["Layers"]
    client.update_function_configuration(FunctionName="layered", Timeout=9)
    wait_updated(client, "layered")
    assert client.get_function_configuration(FunctionName="layered")["Layers"] == created["Layers"]
    assert publish(client, "used")["Version"] == 2
    client.update_function_configuration(FunctionName="layered", Layers=[])
    assert "Layers" not in client.get_function_configuration(FunctionName="layered")


def test_a_functions_layers_are_checked(client: Any) -> None:
    arns = [publish(client, f"one-of-{number}")["LayerVersionArn"] for number in range(6)]
    second = publish(client, "one-of-0")["LayerVersionArn"]

    def creation(layers: list[str]) -> tuple[int, str, str]:
        return refusal(
            client.create_function,
            FunctionName="refused",
            Runtime="python3.12",
            Role=ROLE,
            Handler="h.h",
            Code={"ZipFile": CODE},
            Layers=layers,
        )

    invalid = (400, "InvalidParameterValueException")
    assert creation(arns) == (*invalid, "Cannot reference more than 5 layers.")
    assert creation([f"{ARN}:absent:1"]) == (*invalid, f"Layer version {ARN}:absent:1 does not exist.")
    assert creation([arns[0], second]) == (
        *invalid,
        (
            "Two different versions of the same layer are not allowed to be referenced in the same function. "
            f"{second} and {arns[0]} are versions of the same layer."
        ),
    )
    other = arns[0].replace("us-east-1", "eu-west-1")
    assert creation([other]) == (
        *invalid,
        "Layers are not in the same region as the function. Layers are expected to be in region us-east-1.",
    )


def test_code_and_layers_share_their_room(tmp_path: Any) -> None:
    from lamplighter.kernel.limits import Limits

    with InProcessLambda(tmp_path, limits=Limits(unzipped_code_bytes=1000)) as server:
        client = server.client()
        content = {"ZipFile": zip_of(library="#" * 600)}
        arn = client.publish_layer_version(LayerName="large", Content=content)["LayerVersionArn"]
        create_active(client, "fits", Layers=[arn])
        assert refusal(client.update_function_code, FunctionName="fits", ZipFile=zip_of(handler="#" * 401)) == (
            400,
            "InvalidParameterValueException",
            (
                "Function code combined with layers exceeds the maximum allowed size of 1000 bytes. "
                "The actual size is 1001 bytes."
            ),
        )
        usage = client.get_account_settings()["AccountUsage"]["TotalCodeSize"]
        assert usage == len(content["ZipFile"]) + len(CODE)


def test_a_layer_versions_policy(client: Any) -> None:
    publish(client, "shared")
    address = {"LayerName": "shared", "VersionNumber": 1}
    missing = (404, "ResourceNotFoundException", "No policy is associated with the given resource.")
    permission = {"StatementId": "s1", "Action": "lambda:GetLayerVersion", "Principal": "*", **address}
    assert refusal(client.get_layer_version_policy, **address) == missing

    added = client.add_layer_version_permission(**permission, OrganizationId="o-1234567890")

    statement = json.loads(added["Statement"])
    assert statement == {
        "Sid": "s1",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "lambda:GetLayerVersion",
        "Resource": f"{ARN}:shared:1",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}},
    }
    policy = client.get_layer_version_policy(**address)
    assert policy["RevisionId"] == added["RevisionId"]
    assert json.loads(policy["Policy"]) == {"Version": "2012-10-17", "Id": "default", "Statement": [statement]}
    assert refusal(client.add_layer_version_permission, **permission)[:2] == (409, "ResourceConflictException")
    assert refusal(client.remove_layer_version_permission, StatementId="s1", RevisionId="other", **address)[0] == 412
    client.remove_layer_version_permission(StatementId="s1", **address)
    assert refusal(client.remove_layer_version_permission, StatementId="s1", **address) == missing
    assert refusal(client.add_layer_version_permission, **{**permission, "LayerName": "absent"}) == (
        404,
        "ResourceNotFoundException",
        f"Layer version {ARN}:absent:1 does not exist.",
    )
