"""How requests name functions, and AWS's refusals of what names none.

Facts: LocalStack's recordings of AWS (Apache-2.0), TestLambdaFunction::test_function_name_and_qualifier_validation,
test_get_function_wrong_region, test_ops_with_arn_qualifier_mismatch, test_ops_on_nonexisting_fn and
test_ops_on_nonexisting_version (2025-11-25; those of 22-08-2024 say so).
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.functions import ARN, CODE, create, create_active, refusal
from tests.contract.in_process import ROLE, InProcessLambda

PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
PATTERN_OF_CREATION = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)
MISMATCH = "The derived qualifier from the function name does not match the specified qualifier."


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        client = server.client(validate=False)
        create_active(client, "my-function", Publish=True)
        yield client


@pytest.mark.parametrize(
    "name",
    [
        "my-function",
        "function:my-function",
        "111111111111:my-function",
        "111111111111:function:my-function",
        "us-east-1:111111111111:function:my-function",
        f"{ARN}:my-function",
    ],
)
def test_every_form_of_a_name_finds_the_function(client: Any, name: str) -> None:
    assert client.get_function(FunctionName=name)["Configuration"]["FunctionArn"] == f"{ARN}:my-function"
    for qualified in (
        {"FunctionName": f"{name}:1"},
        {"FunctionName": name, "Qualifier": "1"},
        {"FunctionName": f"{name}:1", "Qualifier": "1"},
    ):
        configuration = client.get_function_configuration(**qualified)
        assert (configuration["FunctionArn"], configuration["Version"]) == (f"{ARN}:my-function:1", "1")
    latest = client.get_function_configuration(FunctionName=name, Qualifier="$LATEST")
    assert (latest["FunctionArn"], latest["Version"]) == (f"{ARN}:my-function:$LATEST", "$LATEST")


@pytest.mark.parametrize("operation", ["get_function", "delete_function", "invoke"])
@pytest.mark.parametrize(
    "name",
    [
        "my-function!",
        "*",
        "invalid-account:function:my-function",
        "arn:aws:lambda:invalid-region:111111111111:function:my-function",
        "arn:aws:lambda:us-east-1::function:my-function",
        "arn:aws:lambda::111111111111:function:my-function",
        "arn:aws:ec2:us-east-1:111111111111:instance:i-1234567890abcdef0",
        "arn:aws:lambda:us-east-1:123400000000@function:myfn",
        "function:my-function:$LATEST:extra",
        "arn:aws:lambda:us-east-1:111111111111:function:my-function:$LATES",
    ],
)
def test_a_name_against_the_pattern_is_refused(client: Any, operation: str, name: str) -> None:
    assert refusal(getattr(client, operation), FunctionName=name) == (
        400,
        "ValidationException",
        (
            f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {PATTERN}"
        ),
    )


def creation(client: Any, name: str) -> tuple[int, str, str]:
    return refusal(
        client.create_function,
        FunctionName=name,
        Runtime="python3.12",
        Role=ROLE,
        Handler="handler.handler",
        Code={"ZipFile": CODE},
    )


@pytest.mark.parametrize(
    "name", ["my-function!", "my-function:invalid!", "invalid-account:function:my-function", "arn:aws:ec2:us-east-1:x"]
)
def test_creation_has_a_pattern_of_its_own(client: Any, name: str) -> None:
    assert creation(client, name) == (
        400,
        "ValidationException",
        (
            f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {PATTERN_OF_CREATION}"
        ),
    )


def test_two_violations_are_told_at_once(client: Any) -> None:
    """AWS's order is not stable, so only the set of clauses is a fact."""
    name = f"arn:aws:lambda:invalid-region:111111111111:function:my-function{'a' * 170}"

    status, code, message = creation(client, name)

    assert (status, code) == (400, "ValidationException")
    count, _, clauses = message.partition(" detected: ")
    assert count == "2 validation errors"
    start = f"Value '{name}' at 'functionName' failed to satisfy constraint: Member must"
    assert set(clauses.split("; ")) == {
        f"{start} satisfy regular expression pattern: {PATTERN_OF_CREATION}",
        f"{start} have length less than or equal to 140",
    }


def test_a_new_functions_name_has_64_characters_at_most(client: Any) -> None:
    name = "a" * 65

    assert creation(client, name) == (
        400,
        "InvalidParameterValueException",
        (
            f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
            "Member must have length less than or equal to 64"
        ),
    )
    assert refusal(client.get_function, FunctionName=name) == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}:{name}",
    )


def test_creation_ignores_a_qualifier(client: Any) -> None:
    """function_name_and_qualifier_too_long-create_function (2024-08-22): no error."""
    created = create(client, f"qualified:{'a' * 65}")

    assert created["FunctionName"] == "qualified"
    assert created["FunctionArn"] == f"{ARN}:qualified"


@pytest.mark.parametrize("operation", ["get_function", "delete_function"])
def test_an_arn_that_ends_early_names_a_function_called_function(client: Any, operation: str) -> None:
    assert refusal(getattr(client, operation), FunctionName=ARN) == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}:function",
    )


def test_an_invoke_looks_for_latest(client: Any) -> None:
    assert refusal(client.invoke, FunctionName=ARN) == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}:function:$LATEST",
    )
    assert refusal(client.invoke, FunctionName="my-function", Qualifier="a" * 65)[2] == (
        f"Function not found: {ARN}:my-function:{'a' * 65}"
    )


@pytest.mark.parametrize(
    ("qualifier", "constraint"),
    [
        ("invalid!", r"Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"),
        ("a" * 129, "Member must have length less than or equal to 128"),
    ],
)
def test_qualifiers_have_a_pattern_and_a_length(client: Any, qualifier: str, constraint: str) -> None:
    assert refusal(client.delete_function, FunctionName="my-function", Qualifier=qualifier) == (
        400,
        "ValidationException",
        f"1 validation error detected: Value '{qualifier}' at 'qualifier' failed to satisfy constraint: {constraint}",
    )


@pytest.mark.parametrize("operation", ["get_function", "get_function_configuration", "delete_function", "invoke"])
def test_two_qualifiers_must_agree(client: Any, operation: str) -> None:
    assert refusal(getattr(client, operation), FunctionName="my-function:$LATEST", Qualifier="1") == (
        400,
        "InvalidParameterValueException",
        MISMATCH,
    )


def test_latest_is_deleted_with_the_function_only(client: Any) -> None:
    assert refusal(client.delete_function, FunctionName="my-function:$LATEST", Qualifier="$LATEST") == (
        400,
        "InvalidParameterValueException",
        "$LATEST version cannot be deleted without deleting the function.",
    )


@pytest.mark.parametrize("operation", ["get_function", "get_function_configuration", "delete_function"])
def test_another_regions_function_is_not_reachable(client: Any, operation: str) -> None:
    name = "arn:aws:lambda:eu-west-3:111111111111:function:my-function"

    assert refusal(getattr(client, operation), FunctionName=name) == (
        404,
        "ResourceNotFoundException",
        "Functions from 'eu-west-3' are not reachable in this region ('us-east-1')",
    )


@pytest.mark.parametrize("operation", ["get_function", "get_function_configuration"])
def test_a_missing_function_and_a_missing_version_are_named(client: Any, operation: str) -> None:
    call = getattr(client, operation)

    assert refusal(call, FunctionName="absent")[2] == f"Function not found: {ARN}:absent"
    assert refusal(call, FunctionName="my-function", Qualifier="1221")[2] == (
        f"Function not found: {ARN}:my-function:1221"
    )
