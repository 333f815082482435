"""Permissions on functions, reserved concurrency, recursion.

Facts: LocalStack's recordings of AWS (Apache-2.0), TestLambdaPermissions::test_create_multiple_lambda_permissions,
test_lambda_permission_versioning (2022-12-21), TestLambdaRecursion, test_ops_on_nonexisting_fn (2025-11-25).
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.functions import ARN, bare, create_active, refusal
from tests.contract.in_process import InProcessLambda

GONE = (404, "ResourceNotFoundException", "The resource you requested does not exist.")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        yield server.client(validate=False)


def add(client: Any, name: str, statement_id: str, **members: Any) -> Any:
    answer = client.add_permission(
        **{
            "FunctionName": name,
            "StatementId": statement_id,
            "Action": "lambda:InvokeFunction",
            "Principal": "logs.amazonaws.com",
            **members,
        }
    )
    return json.loads(answer["Statement"])


def test_permissions_follow_each_other_in_the_policy(client: Any) -> None:
    create_active(client, "permitted")

    first = add(client, "permitted", "logs")
    second = add(client, "permitted", "kinesis", Principal="kinesis.amazonaws.com")

    assert first == {
        "Sid": "logs",
        "Effect": "Allow",
        "Principal": {"Service": "logs.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": f"{ARN}:permitted",
    }
    answer = bare(client.get_policy(FunctionName="permitted"))
    assert set(answer) == {"Policy", "RevisionId"}
    assert json.loads(answer["Policy"]) == {"Id": "default", "Statement": [first, second], "Version": "2012-10-17"}
    revision = client.get_function_configuration(FunctionName="permitted")["RevisionId"]
    assert answer["RevisionId"] == revision


def test_a_policy_belongs_to_one_version(client: Any) -> None:
    create_active(client, "versioned")
    statement = add(client, "versioned", "s3", Principal="s3.amazonaws.com", SourceArn="arn:aws:s3:::bucket")
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"}}
    before = client.get_policy(FunctionName="versioned")

    client.publish_version(FunctionName="versioned")

    assert refusal(client.get_policy, FunctionName="versioned", Qualifier="1") == GONE
    after = client.get_policy(FunctionName="versioned")
    assert after["Policy"] == before["Policy"]
    assert after["RevisionId"] != before["RevisionId"]
    on_version = add(client, "versioned", "s3", Qualifier="1")
    assert on_version["Resource"] == f"{ARN}:versioned:1"
    assert client.get_policy(FunctionName="versioned")["RevisionId"] == after["RevisionId"]
    client.create_alias(FunctionName="versioned", Name="live", FunctionVersion="1")
    assert add(client, "versioned:live", "s3")["Resource"] == f"{ARN}:versioned:live"


@pytest.mark.parametrize(
    ("members", "principal", "condition"),
    [
        ({"Principal": "*"}, "*", None),
        ({"Principal": "222222222222"}, {"AWS": "arn:aws:iam::222222222222:root"}, None),
        (
            {"Principal": "arn:aws:iam::222222222222:role/r", "PrincipalOrgID": "o-1234567890"},
            {"AWS": "arn:aws:iam::222222222222:role/r"},
            {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}},
        ),
        (
            {"SourceAccount": "222222222222", "SourceArn": "arn:aws:sns:us-east-1:222222222222:t"},
            {"Service": "logs.amazonaws.com"},
            {
                "ArnLike": {"AWS:SourceArn": "arn:aws:sns:us-east-1:222222222222:t"},
                "StringEquals": {"AWS:SourceAccount": "222222222222"},
            },
        ),
        (
            {"Principal": "*", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
            "*",
            {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        ),
        (
            {"Principal": "alexa-appkit.amazon.com", "EventSourceToken": "amzn1.ask.skill.x"},
            {"Service": "alexa-appkit.amazon.com"},
            {"StringEquals": {"lambda:EventSourceToken": "amzn1.ask.skill.x"}},
        ),
    ],
)
def test_principals_and_conditions(client: Any, members: dict[str, str], principal: object, condition: object) -> None:
    name = f"conditions-{abs(hash(str(members)))}"
    create_active(client, name)

    statement = add(client, name, "s", **members)

    assert statement["Principal"] == principal
    assert statement.get("Condition") == condition


def test_permissions_are_refused_in_awss_words(client: Any) -> None:
    create_active(client, "refusing")
    add(client, "refusing", "s")

    def refused(**members: Any) -> tuple[int, str, str]:
        request = {
            "FunctionName": "refusing",
            "StatementId": "t",
            "Action": "lambda:InvokeFunction",
            "Principal": "logs.amazonaws.com",
            **members,
        }
        return refusal(client.add_permission, **request)

    assert refused(StatementId="s") == (
        409,
        "ResourceConflictException",
        (
            "The statement id (s) provided already exists. Please provide a new statement id, "
            "or remove the existing statement."
        ),
    )
    invalid = (400, "InvalidParameterValueException")
    assert refused(Principal="invalid.nonaws.com") == (
        *invalid,
        "The provided principal was invalid. Please check the principal and try again.",
    )
    assert refused(Qualifier="$LATEST") == (*invalid, "We currently do not support adding policies for $LATEST.")
    assert refused(Qualifier="7")[2] == f"Function not found: {ARN}:refusing:7"
    assert refused(FunctionName="absent")[2] == f"Function not found: {ARN}:absent"
    assert refused(RevisionId="other")[:2] == (412, "PreconditionFailedException")
    assert refused(FunctionUrlAuthType="NONE") == (
        *invalid,
        "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
    )


def test_the_last_permission_takes_the_policy_along(client: Any) -> None:
    create_active(client, "emptying")
    add(client, "emptying", "s")

    assert refusal(client.remove_permission, FunctionName="emptying", StatementId="x") == (
        404,
        "ResourceNotFoundException",
        "Statement x is not found in resource policy.",
    )
    client.remove_permission(FunctionName="emptying", StatementId="s")
    assert refusal(client.get_policy, FunctionName="emptying") == GONE
    assert refusal(client.remove_permission, FunctionName="emptying", StatementId="s") == (
        404,
        "ResourceNotFoundException",
        "No policy is associated with the given resource.",
    )


def test_a_statement_is_looked_for_before_revisions_are_compared(client: Any) -> None:
    create_active(client, "revised")
    add(client, "revised", "s")
    stale = {"FunctionName": "revised", "RevisionId": "0b2f6c1e-5b1e-4a55-9c3b-0a2b7d1f9c11"}

    assert refusal(client.remove_permission, StatementId="x", **stale)[0] == 404
    assert refusal(client.remove_permission, StatementId="s", **stale)[:2] == (412, "PreconditionFailedException")
    revision = client.get_policy(FunctionName="revised")["RevisionId"]
    client.remove_permission(FunctionName="revised", StatementId="s", RevisionId=revision)
    assert refusal(client.remove_permission, FunctionName="absent", StatementId="s") == (
        404,
        "ResourceNotFoundException",
        f"No policy found for: {ARN}:absent",
    )


def test_a_policy_has_a_largest_size(client: Any) -> None:
    """20 KB, of which a statement with one condition takes some 300 bytes."""
    create_active(client, "large-policy")
    sources = [f"arn:aws:s3:::{'b' * 60}{number}" for number in range(80)]
    fitting = 0

    def fill() -> None:
        nonlocal fitting
        for number, source in enumerate(sources):
            add(client, "large-policy", f"s{number}", SourceArn=source)
            fitting += 1

    with pytest.raises(client.exceptions.PolicyLengthExceededException):
        fill()
    policy = client.get_policy(FunctionName="large-policy")["Policy"]
    assert len(json.loads(policy)["Statement"]) == fitting
    assert len(policy) <= 20_480


def test_a_recreated_function_has_no_policy(client: Any) -> None:
    create_active(client, "recreated", Publish=True)
    add(client, "recreated", "s")
    add(client, "recreated:1", "s")
    client.delete_function(FunctionName="recreated")
    create_active(client, "recreated", Publish=True)

    assert refusal(client.get_policy, FunctionName="recreated") == GONE
    assert refusal(client.get_policy, FunctionName="recreated:1") == GONE


def test_reserved_concurrency_is_kept_and_shown(tmp_path: Any) -> None:
    with InProcessLambda(tmp_path) as server:
        client = server.client()
        create_active(client, "reserved", Publish=True)

        assert bare(client.get_function_concurrency(FunctionName="reserved")) == {}
        put = client.put_function_concurrency(FunctionName="reserved", ReservedConcurrentExecutions=0)
        assert bare(put) == {"ReservedConcurrentExecutions": 0}
        assert client.get_function(FunctionName="reserved")["Concurrency"] == {"ReservedConcurrentExecutions": 0}
        client.put_function_concurrency(FunctionName="reserved", ReservedConcurrentExecutions=600)
        resolved = server.control.directory.resolve("111111111111", "us-east-1", "reserved", "1")
        assert resolved.reserved_concurrency == 600
        client.delete_function_concurrency(FunctionName="reserved")
        assert "Concurrency" not in client.get_function(FunctionName="reserved")


def test_reserved_concurrency_leaves_the_account_its_minimum(tmp_path: Any) -> None:
    with InProcessLambda(tmp_path) as server:
        client = server.client()
        create_active(client, "first")
        create_active(client, "second")
        client.put_function_concurrency(FunctionName="first", ReservedConcurrentExecutions=600)
        assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 400

        assert refusal(client.put_function_concurrency, FunctionName="second", ReservedConcurrentExecutions=301) == (
            400,
            "InvalidParameterValueException",
            (
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                "below its minimum value of [100]."
            ),
        )
        client.put_function_concurrency(FunctionName="first", ReservedConcurrentExecutions=900)
        client.delete_function_concurrency(FunctionName="first")
        client.put_function_concurrency(FunctionName="second", ReservedConcurrentExecutions=900)
        client.delete_function(FunctionName="second")
        assert client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000


def test_concurrency_is_reserved_for_whole_functions(client: Any) -> None:
    create_active(client, "whole", Publish=True)

    assert refusal(client.put_function_concurrency, FunctionName="whole:1", ReservedConcurrentExecutions=1) == (
        400,
        "InvalidParameterValueException",
        (
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
            "Please specify either a function name or an unqualified function ARN."
        ),
    )
    assert refusal(client.get_function_concurrency, FunctionName="absent") == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}:absent",
    )


def test_recursion_is_ended_unless_allowed(client: Any) -> None:
    create_active(client, "recursive")

    assert bare(client.get_function_recursion_config(FunctionName="recursive")) == {"RecursiveLoop": "Terminate"}
    put = client.put_function_recursion_config(FunctionName="recursive", RecursiveLoop="Allow")
    assert bare(put) == {"RecursiveLoop": "Allow"}
    assert bare(client.get_function_recursion_config(FunctionName="recursive")) == {"RecursiveLoop": "Allow"}
    assert refusal(client.put_function_recursion_config, FunctionName="recursive", RecursiveLoop="InvalidValue") == (
        400,
        "ValidationException",
        (
            "1 validation error detected: Value 'InvalidValue' at 'recursiveLoop' failed to satisfy constraint: "
            "Member must satisfy enum value set: [Terminate, Allow]"
        ),
    )
