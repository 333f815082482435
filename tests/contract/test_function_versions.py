"""Versions and aliases as AWS answers them.

Facts: LocalStack's recordings of AWS (Apache-2.0), TestLambdaVersions::test_publish_with_wrong_sha256,
TestLambdaAlias, TestLambdaRevisions::test_function_revisions_version_and_alias (2025-11-25); moto's
test_update_function_zip, which is verified on AWS: updating with the same code makes a new version.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.functions import (
    ALWAYS,
    ARN,
    CODE,
    OTHER_CODE,
    bare,
    create,
    create_active,
    refusal,
    wait_active,
    wait_updated,
)
from tests.contract.in_process import InProcessLambda

REVISION = (
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        yield server.client()


def test_a_version_is_active_at_once_and_changes_latests_revision(client: Any) -> None:
    create_active(client, "revised")
    before = client.get_function_configuration(FunctionName="revised")

    published = bare(client.publish_version(FunctionName="revised", Description="one"))

    assert set(published) == ALWAYS | {"LastUpdateStatus"}
    assert (published["State"], published["LastUpdateStatus"]) == ("Active", "Successful")
    assert (published["Version"], published["FunctionArn"]) == ("1", f"{ARN}:revised:1")
    assert published["Description"] == "one"
    version = client.get_function_configuration(FunctionName="revised:1")
    assert version["RevisionId"] == published["RevisionId"]
    after = client.get_function_configuration(FunctionName="revised")
    assert len({before["RevisionId"], published["RevisionId"], after["RevisionId"]}) == 3
    assert after["Description"] == ""


def test_publishing_what_did_not_change_gives_the_same_version(client: Any) -> None:
    create_active(client, "unchanged")
    first = bare(client.publish_version(FunctionName="unchanged"))

    assert bare(client.publish_version(FunctionName="unchanged", Description="other")) == first
    client.update_function_code(FunctionName="unchanged", ZipFile=CODE)
    assert client.publish_version(FunctionName="unchanged")["Version"] == "2"
    assert client.publish_version(FunctionName="unchanged")["Version"] == "2"


def test_a_version_keeps_what_it_was(client: Any) -> None:
    create_active(client, "kept", Environment={"Variables": {"KEY": "one"}})
    client.publish_version(FunctionName="kept")
    version = bare(client.get_function(FunctionName="kept:1")["Configuration"])

    client.update_function_configuration(FunctionName="kept", Environment={"Variables": {"KEY": "two"}})
    wait_updated(client, "kept")
    client.update_function_code(FunctionName="kept", ZipFile=OTHER_CODE)

    assert bare(client.get_function(FunctionName="kept:1")["Configuration"]) == version


def test_creation_and_update_may_publish(client: Any) -> None:
    created = create(client, "publishing", Publish=True)
    assert (created["Version"], created["FunctionArn"]) == ("1", f"{ARN}:publishing")
    wait_active(client, "publishing")

    updated = client.update_function_code(FunctionName="publishing", ZipFile=OTHER_CODE, Publish=True)

    assert (updated["Version"], updated["FunctionArn"]) == ("2", f"{ARN}:publishing:2")
    assert client.publish_version(FunctionName="publishing")["Version"] == "2"
    assert client.get_function_configuration(FunctionName="publishing:2")["State"] == "Active"


def test_publishing_is_guarded_by_digest_and_revision(client: Any) -> None:
    created = create_active(client, "guarded")

    assert refusal(client.publish_version, FunctionName="guarded", CodeSha256="somenonexistentsha256") == (
        400,
        "InvalidParameterValueException",
        (
            "CodeSHA256 (somenonexistentsha256) is different from current CodeSHA256 in $LATEST "
            f"({created['CodeSha256']})."
            " Please try again with the CodeSHA256 in $LATEST."
        ),
    )
    assert refusal(client.publish_version, FunctionName="guarded", RevisionId=created["RevisionId"]) == (
        412,
        "PreconditionFailedException",
        REVISION,
    )
    current = client.get_function_configuration(FunctionName="guarded")
    assert (
        client.publish_version(
            FunctionName="guarded", CodeSha256=created["CodeSha256"], RevisionId=current["RevisionId"]
        )["Version"]
        == "1"
    )


def test_versions_are_listed_as_they_count(client: Any) -> None:
    create_active(client, "counted")
    for number in range(11):
        client.update_function_configuration(FunctionName="counted", Description=str(number))
        client.publish_version(FunctionName="counted")
    client.delete_function(FunctionName="counted", Qualifier="4")

    pages = client.get_paginator("list_versions_by_function").paginate(
        FunctionName="counted", PaginationConfig={"PageSize": 3}
    )
    versions = [version for page in pages for version in page["Versions"]]

    assert [version["Version"] for version in versions] == ["$LATEST", *(str(n) for n in range(1, 12) if n != 4)]
    assert versions[0]["FunctionArn"] == f"{ARN}:counted:$LATEST"
    assert set(versions[1]) == ALWAYS - {"State", "RuntimeVersionConfig"}


def test_the_number_of_a_deleted_version_is_not_used_again(client: Any) -> None:
    create_active(client, "deleted")
    client.publish_version(FunctionName="deleted")
    client.delete_function(FunctionName="deleted:1")

    assert client.publish_version(FunctionName="deleted")["Version"] == "2"
    assert client.delete_function(FunctionName="deleted:7")["ResponseMetadata"]["HTTPStatusCode"] == 204


def two_versions(client: Any, name: str) -> None:
    create_active(client, name)
    client.publish_version(FunctionName=name)
    client.update_function_configuration(FunctionName=name, Description="two")
    client.publish_version(FunctionName=name)


def test_an_alias_lives_from_creation_to_deletion(client: Any) -> None:
    two_versions(client, "aliased")

    first = bare(
        client.create_alias(
            FunctionName="aliased",
            Name="aliasname1_1",
            FunctionVersion="1",
            Description="custom-alias",
            RoutingConfig={"AdditionalVersionWeights": {"2": 0.2}},
        )
    )
    second = bare(client.create_alias(FunctionName="aliased", Name="aliasname1_2", FunctionVersion="1"))
    client.create_alias(FunctionName="aliased", Name="aliasname2", FunctionVersion="2")

    assert first == {
        "AliasArn": f"{ARN}:aliased:aliasname1_1",
        "Description": "custom-alias",
        "FunctionVersion": "1",
        "Name": "aliasname1_1",
        "RevisionId": first["RevisionId"],
        "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.2}},
    }
    assert set(second) == {"AliasArn", "Description", "FunctionVersion", "Name", "RevisionId"}
    assert bare(client.get_alias(FunctionName="aliased", Name="aliasname1_1")) == first
    listed = client.list_aliases(FunctionName="aliased")["Aliases"]
    assert [alias["Name"] for alias in listed] == ["aliasname1_1", "aliasname1_2", "aliasname2"]
    assert listed[0] == first
    of_one = client.list_aliases(FunctionName="aliased", FunctionVersion="1")["Aliases"]
    assert [alias["Name"] for alias in of_one] == ["aliasname1_1", "aliasname1_2"]
    updated = bare(client.update_alias(FunctionName="aliased", Name="aliasname1_1", RoutingConfig={}))
    assert "RoutingConfig" not in updated
    assert updated["RevisionId"] != first["RevisionId"]
    assert (updated["Description"], updated["FunctionVersion"]) == ("custom-alias", "1")
    assert client.delete_alias(FunctionName="aliased", Name="aliasname1_1")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert client.delete_alias(FunctionName="aliased", Name="aliasname1_1")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert len(client.list_aliases(FunctionName="aliased")["Aliases"]) == 2


def test_a_function_is_found_by_its_alias(client: Any) -> None:
    two_versions(client, "by-alias")
    client.create_alias(FunctionName="by-alias", Name="live", FunctionVersion="1")

    for members in (
        {"FunctionName": "by-alias", "Qualifier": "live"},
        {"FunctionName": "by-alias:live"},
        {"FunctionName": f"{ARN}:by-alias:live"},
    ):
        configuration = client.get_function(**members)["Configuration"]
        assert configuration["FunctionArn"] == f"{ARN}:by-alias:live"
        assert configuration["Version"] == "1"
    assert refusal(client.get_function, FunctionName="by-alias", Qualifier="aliasdoesnotexist") == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}:by-alias:aliasdoesnotexist",
    )


def test_an_alias_is_guarded_by_its_revision(client: Any) -> None:
    two_versions(client, "alias-revision")
    created = client.create_alias(FunctionName="alias-revision", Name="live", FunctionVersion="1")

    assert refusal(client.update_alias, FunctionName="alias-revision", Name="live", RevisionId="other") == (
        412,
        "PreconditionFailedException",
        REVISION,
    )
    updated = client.update_alias(
        FunctionName="alias-revision", Name="live", Description="changed", RevisionId=created["RevisionId"]
    )
    assert updated["RevisionId"] != created["RevisionId"]


@pytest.mark.parametrize(
    ("version", "weights", "message"),
    [
        ("1", {"2": 0.5, "3": 0.5}, "Number of items in AdditionalVersionWeights cannot be greater than 1"),
        (
            "1",
            {"1": 0.5},
            "Invalid function version 1. Function version 1 is already included in routing configuration.",
        ),
        ("$LATEST", {"1": 0.5}, "$LATEST is not supported for an alias pointing to more than 1 version"),
    ],
)
def test_weights_must_make_sense(client: Any, version: str, weights: dict[str, float], message: str) -> None:
    name = f"weights-{len(weights)}-{version.strip('$')}-{'-'.join(weights)}"
    two_versions(client, name)

    assert refusal(
        client.create_alias,
        FunctionName=name,
        Name="live",
        FunctionVersion=version,
        RoutingConfig={"AdditionalVersionWeights": weights},
    ) == (400, "InvalidParameterValueException", message)


def test_aliases_point_to_what_is_there(client: Any) -> None:
    two_versions(client, "pointing")
    routing = {"AdditionalVersionWeights": {"9": 0.5}}

    assert refusal(client.create_alias, FunctionName="pointing", Name="live", FunctionVersion="9") == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}:pointing:9",
    )
    assert (
        refusal(client.create_alias, FunctionName="pointing", Name="x", FunctionVersion="1", RoutingConfig=routing)[0]
        == 404
    )
    client.create_alias(FunctionName="pointing", Name="live", FunctionVersion="1")
    assert refusal(client.create_alias, FunctionName="pointing", Name="live", FunctionVersion="1") == (
        409,
        "ResourceConflictException",
        f"Alias already exists: {ARN}:pointing:live",
    )
    assert refusal(client.get_alias, FunctionName="pointing", Name="absent") == (
        404,
        "ResourceNotFoundException",
        f"Cannot find alias arn: {ARN}:pointing:absent",
    )


def test_a_version_that_an_alias_names_stays(client: Any) -> None:
    two_versions(client, "referred")
    client.create_alias(
        FunctionName="referred",
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}},
    )

    for qualifier in ("1", "2"):
        assert refusal(client.delete_function, FunctionName="referred", Qualifier=qualifier) == (
            409,
            "ResourceConflictException",
            "Unable to delete version because the following aliases reference it: [live]",
        )
    assert refusal(client.delete_function, FunctionName="referred", Qualifier="live") == (
        400,
        "InvalidParameterValueException",
        "Deletion of aliases is not currently supported.",
    )
    client.delete_alias(FunctionName="referred", Name="live")
    client.delete_function(FunctionName="referred", Qualifier="1")
