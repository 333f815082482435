"""AWS's words, held against answers recorded on the real AWS Lambda.

Source of the recorded clauses: the scenarios of tests/aws/services/lambda_/test_lambda_api.py in LocalStack's archived
repository (Apache-2.0), recorded between 2024 and November 2025; issues of public projects where named.
"""

# ruff: noqa: E501 - AWS's sentences are easier to compare unbroken

import re
from typing import Any

import orjson
import pytest

from lamplighter.aws.constraints import compile_pattern, enum_set, java_length, printed
from lamplighter.aws.errors import AwsError, InvalidParameterValueException, ValidationException
from lamplighter.aws.service import Service

ROLE = "arn:aws:iam::123456789012:role/r"
FUNCTION = {"FunctionName": "f", "Role": ROLE, "Code": {"ZipFile": ""}}
TAGGABLE = (
    r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+"
    r"(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:"
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)"
)
RUNTIMES = (
    "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, "
    "python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, java11, "
    "dotnet6, nodejs18.x, provided.al2, java8.al2"
)


def refusal(service: Service, method: str, path: str, body: dict[str, Any], query: str = "") -> AwsError:
    match = service.match(method, path, query)
    assert match is not None
    with pytest.raises(AwsError) as caught:
        match.operation.parse(match, query, {}, orjson.dumps(body))
    return caught.value


RECORDED = [
    (
        "test_create_lambda_exceptions/invalid_role_arn_exc",
        ("POST", "/2015-03-31/functions", {**FUNCTION, "Role": "r1"}),
        (
            r"Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: "
            r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
        ),
    ),
    (
        "test_create_lambda_exceptions/multiple_architectures",
        ("POST", "/2015-03-31/functions", {**FUNCTION, "Architectures": ["x86_64", "arm64"]}),
        (
            "Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less than or "
            "equal to 1"
        ),
    ),
    (
        "test_create_lambda_exceptions/uppercase_architecture",
        ("POST", "/2015-03-31/functions", {**FUNCTION, "Architectures": ["X86_64"]}),
        (
            "Value '[X86_64]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: [Member must "
            "satisfy enum value set: [x86_64, arm64], Member must not be null]"
        ),
    ),
    (
        "test_put_function_recursion_config_invalid_value",
        ("PUT", "/2024-08-31/functions/f/recursion-config", {"RecursiveLoop": "InvalidValue"}),
        (
            "Value 'InvalidValue' at 'recursiveLoop' failed to satisfy constraint: Member must satisfy enum value set: "
            "[Terminate, Allow]"
        ),
    ),
    (
        "test_tag_exceptions/tag_lambda_invalidarn",
        ("POST", "/2017-03-31/tags/arn%3Aaws%3Asomething", {"Tags": {"a": "b"}}),
        (
            "Value 'arn:aws:something' at 'resource' failed to satisfy constraint: Member must satisfy regular expression "
            f"pattern: {TAGGABLE}"
        ),
    ),
    (
        "test_tag_exceptions[capacity_provider]/aliased_arn_exception",
        (
            "POST",
            "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A111111111111%3Acapacity-provider%3Ac%3Aalias",
            {"Tags": {"a": "b"}},
        ),
        (
            "Value 'arn:aws:lambda:us-east-1:111111111111:capacity-provider:c:alias' at 'resource' failed to satisfy "
            f"constraint: Member must satisfy regular expression pattern: {TAGGABLE}"
        ),
    ),
    (
        "test_tag_exceptions/untag_empty_keys",
        ("DELETE", "/2017-03-31/tags/arn:aws:lambda:us-east-1:111111111111:function:f", {}),
        "Value null at 'tagKeys' failed to satisfy constraint: Member must not be null",
    ),
    (
        "test_invalid_invoke/invoke_function_name_pattern_exc",
        ("POST", "/2015-03-31/functions/arn:aws:lambda:us-east-1:123400000000@function:myfn/invocations", {}),
        (
            r"Value 'arn:aws:lambda:us-east-1:123400000000@function:myfn' at 'functionName' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|"
            r"(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|"
            r"[a-zA-Z0-9-_]+))?"
        ),
    ),
    (
        "test_lambda_eventinvokeconfig_exceptions/put_destination_invalid_arn_pattern",
        (
            "PUT",
            "/2019-09-25/functions/f/event-invoke-config",
            {
                "DestinationConfig": {
                    "OnFailure": {"Destination": "arn:aws:_-/!lambda:us-east-1:111111111111:function:f"}
                }
            },
        ),
        (
            r"Value 'arn:aws:_-/!lambda:us-east-1:111111111111:function:f' at 'destinationConfig.onFailure.destination' failed "
            r"to satisfy constraint: Member must satisfy regular expression pattern: $|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|"
            r"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)"
        ),
    ),
]


@pytest.mark.parametrize(("request_", "clause"), [row[1:] for row in RECORDED], ids=[row[0] for row in RECORDED])
def test_recorded_validation_answers_hold(
    service: Service, request_: tuple[str, str, dict[str, Any]], clause: str
) -> None:
    error = refusal(service, *request_)
    assert isinstance(error, ValidationException)
    assert error.message == f"1 validation error detected: {clause}"


@pytest.mark.parametrize("runtime", ["non-existent-runtime", "PYTHON3.9"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", "/2015-03-31/functions", FUNCTION), ("PUT", "/2015-03-31/functions/f/configuration", {})],
)
def test_an_unknown_runtime_is_refused_as_recorded(
    service: Service, runtime: str, method: str, path: str, body: dict[str, Any]
) -> None:
    """Recorded: test_create_lambda_exceptions and test_update_lambda_exceptions, invalid_runtime_exc."""
    error = refusal(service, method, path, {**body, "Runtime": runtime})
    assert isinstance(error, InvalidParameterValueException)
    assert error.members == {"Type": "User"}
    assert error.message == (
        f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{RUNTIMES}] or "
        "be a valid ARN"
    )


def test_an_unknown_runtime_is_only_told_when_all_else_is_well(service: Service) -> None:
    error = refusal(service, "POST", "/2015-03-31/functions", {**FUNCTION, "Runtime": "x", "MemorySize": 1})
    assert isinstance(error, ValidationException)


def test_an_element_of_a_list_lists_all_its_rules_longest_first(service: Service) -> None:
    """As AWS answered in 2024: github.com/appleboy/lambda-action/issues/83 (its ARN pattern was older)."""
    error = refusal(service, "POST", "/2015-03-31/functions", {**FUNCTION, "Layers": [""]})
    assert error.message.startswith(
        "1 validation error detected: Value '[]' at 'layers' failed to satisfy constraint: Member must satisfy constraint: "
        "[Member must have length less than or equal to 2048, Member must have length greater than or equal to 1, Member "
        "must satisfy regular expression pattern: "
    )
    assert error.message.endswith(", Member must not be null]")


@pytest.mark.parametrize(
    ("weights", "where"),
    [
        (
            {"$LATEST": 0.5},
            (
                "Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must "
                "satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than "
                "or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must not be null]"
            ),
        ),
        (
            {"1": 2},
            (
                "Value '{1=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map values must "
                "satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or "
                "equal to 0.0, Member must not be null]"
            ),
        ),
    ],
)
def test_keys_and_values_of_maps_have_words_of_their_own(
    service: Service, weights: dict[str, float], where: str
) -> None:
    body = {"Name": "a", "FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": weights}}
    error = refusal(service, "POST", "/2015-03-31/functions/f/aliases", body)
    assert error.message == f"1 validation error detected: {where}"


def test_a_sensitive_value_is_never_printed(service: Service) -> None:
    error = refusal(
        service, "POST", "/2015-03-31/functions", {**FUNCTION, "Environment": {"Variables": {"1secret": "hidden"}}}
    )
    assert "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy" in error.message
    assert "secret" not in error.message
    assert "hidden" not in error.message


@pytest.mark.parametrize(
    "as_aws_prints_it",
    [
        ["Terminate", "Allow"],
        ["x86_64", "arm64"],
        ["DryRun", "RequestResponse", "Event"],  # github.com/ex-aws/ex_aws/pull/442, 2017
        ["INDEXES", "TOTAL", "NONE"],  # DynamoDB prints its sets the same way
        ["ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"],
        ["SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES"],
    ],
)
def test_enum_sets_are_printed_in_awss_order(as_aws_prints_it: list[str]) -> None:
    words = f"Member must satisfy enum value set: [{', '.join(as_aws_prints_it)}]"
    assert enum_set(sorted(as_aws_prints_it)) == words
    assert enum_set(sorted(as_aws_prints_it, reverse=True)) == words


def test_every_pattern_of_the_model_compiles(service: Service) -> None:
    patterns = [shape["pattern"] for shape in service.model.shapes.values() if "pattern" in shape]
    assert len(patterns) == 86
    assert all(isinstance(compile_pattern(pattern), re.Pattern) for pattern in patterns)


@pytest.mark.parametrize(
    ("tag", "is_accepted"),
    [
        ("straße", True),
        ("ключ:1", True),
        ("名前", True),
        ("a\u2003b", True),
        ("½", True),
        ("a_b", True),
        ("a#b", False),
        ("€", False),
    ],
)
def test_tag_keys_are_letters_numbers_separators_and_a_few_signs(service: Service, tag: str, is_accepted: bool) -> None:  # noqa: FBT001
    pattern = compile_pattern(service.model.shape("TagKey")["pattern"])
    assert bool(pattern.fullmatch(tag)) is is_accepted


def test_a_class_that_python_cannot_say_is_refused_at_compile_time() -> None:
    with pytest.raises(ValueError, match="no translation"):
        compile_pattern(r"[\p{Lu}]+")


def test_length_is_counted_as_java_counts_it() -> None:
    assert java_length("aé€") == 3
    assert java_length("😀") == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (1.0, "1.0"),
        (["a", 1], "[a, 1]"),
        ({"k": ["v"]}, "{k=[v]}"),
        (b"abc", "java.nio.HeapByteBuffer[pos=0 lim=3 cap=3]"),
    ],
)
def test_values_are_printed_as_java_prints_them(value: Any, text: str) -> None:
    assert printed(value) == text
