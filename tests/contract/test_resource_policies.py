"""Resource policies that are put, shown and deleted as a whole, beside the permissions that are added one by one.

No answers of AWS are recorded for these operations; what holds here is what their documentation says.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.functions import ARN, bare, create_active, refusal
from tests.contract.in_process import ACCOUNT, InProcessLambda

GONE = (404, "ResourceNotFoundException", "The resource you requested does not exist.")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        yield server.client()


def statement(resource: str, **members: Any) -> dict[str, Any]:
    return {
        "Sid": "all",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
        "Action": ["lambda:InvokeFunction", "lambda:GetFunction"],
        "Resource": resource,
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": ["o-1234567890"]}},
        **members,
    }


def policy(*statements: dict[str, Any], **members: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **members})


def test_a_policy_replaces_the_permissions_before_it(client: Any) -> None:
    create_active(client, "replaced")
    arn = f"{ARN}:replaced"
    client.add_permission(
        FunctionName="replaced", StatementId="s", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    given = policy(statement(arn))

    put = bare(client.put_resource_policy(ResourceArn=arn, Policy=given))

    assert json.loads(put["Policy"]) == json.loads(given)
    assert bare(client.get_resource_policy(ResourceArn=arn)) == put
    assert bare(client.get_policy(FunctionName="replaced")) == put
    assert client.get_function_configuration(FunctionName="replaced")["RevisionId"] == put["RevisionId"]
    client.remove_permission(FunctionName="replaced", StatementId="all")
    assert refusal(client.get_resource_policy, ResourceArn=arn) == GONE


def test_permissions_are_added_to_a_policy_that_was_put(client: Any) -> None:
    create_active(client, "extended")
    arn = f"{ARN}:extended"
    client.put_resource_policy(ResourceArn=arn, Policy=policy(statement(arn), Id="mine"))

    client.add_permission(
        FunctionName="extended", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )

    shown = json.loads(client.get_resource_policy(ResourceArn=arn)["Policy"])
    assert (shown["Id"], [one["Sid"] for one in shown["Statement"]]) == ("mine", ["all", "s3"])


def test_versions_and_aliases_have_policies_of_their_own(client: Any) -> None:
    create_active(client, "qualified", Publish=True)
    client.create_alias(FunctionName="qualified", FunctionVersion="1", Name="live")

    for qualifier in ("1", "live"):
        arn = f"{ARN}:qualified:{qualifier}"
        client.put_resource_policy(ResourceArn=arn, Policy=policy(statement(arn)))
    assert refusal(client.get_resource_policy, ResourceArn=f"{ARN}:qualified") == GONE
    assert client.delete_resource_policy(ResourceArn=arn)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(client.delete_resource_policy, ResourceArn=arn) == GONE
    client.get_resource_policy(ResourceArn=f"{ARN}:qualified:1")


def test_a_revision_guards_replacement_and_deletion(client: Any) -> None:
    create_active(client, "guarded")
    arn, other = f"{ARN}:guarded", "0b2f6c1e-5b1e-4a55-9c3b-0a2b7d1f9c11"
    given = policy(statement(arn))
    revision = client.put_resource_policy(ResourceArn=arn, Policy=given)["RevisionId"]

    stale = refusal(client.put_resource_policy, ResourceArn=arn, Policy=given, RevisionId=other)
    assert stale[:2] == (412, "PreconditionFailedException")
    assert refusal(client.delete_resource_policy, ResourceArn=arn, RevisionId=other) == stale
    revision = client.put_resource_policy(ResourceArn=arn, Policy=given, RevisionId=revision)["RevisionId"]
    client.delete_resource_policy(ResourceArn=arn, RevisionId=revision)


def test_resources_that_are_not_there(client: Any) -> None:
    arn = f"{ARN}:absent"

    assert refusal(client.get_resource_policy, ResourceArn=arn) == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {arn}",
    )
    runtime = f"arn:aws:lambda:us-east-1:{ACCOUNT}:runtime/python3.12"
    assert refusal(client.get_resource_policy, ResourceArn=runtime) == GONE


@pytest.mark.parametrize(
    "given",
    [
        "text",
        "[]",
        "{}",
        policy(),
        policy(statement(f"{ARN}:invalid"), Version="2013-01-01"),
        policy(statement(f"{ARN}:other")),
        policy(statement(f"{ARN}:invalid", Effect="Maybe")),
        policy(statement(f"{ARN}:invalid", Action="s3:GetObject")),
        policy(statement(f"{ARN}:invalid", Principal="anybody")),
        policy(statement(f"{ARN}:invalid", NotPrincipal="*")),
        policy(statement(f"{ARN}:invalid", Condition=["a"])),
        policy(statement(f"{ARN}:invalid", Unknown="member")),
        policy(statement(f"{ARN}:invalid"), statement(f"{ARN}:invalid")),
    ],
)
def test_what_is_no_policy_is_refused_and_changes_nothing(client: Any, given: str) -> None:
    if "invalid" not in {function["FunctionName"] for function in client.list_functions()["Functions"]}:
        create_active(client, "invalid")

    assert refusal(client.put_resource_policy, ResourceArn=f"{ARN}:invalid", Policy=given)[:2] == (
        400,
        "InvalidParameterValueException",
    )
    assert refusal(client.get_resource_policy, ResourceArn=f"{ARN}:invalid") == GONE
