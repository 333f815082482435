"""What CreateFunction and the updates take: stored, checked, returned as AWS returns it, or refused in its words.

Facts: LocalStack's recordings of AWS (Apache-2.0), the TestLambda* named beside each test (2025-11-25; exceptions,
SnapStart and runtimes 2026-01-12; sizes 2022-09-30 to 2025-11-25).
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.functions import ALWAYS, CODE, PATIENCE, bare, create, create_active, refusal, wait_updated
from tests.contract.in_process import ROLE, InProcessLambda

MIB = 1024 * 1024
RUNTIMES = (
    "[nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, "
    "python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, "
    "java11, dotnet6, nodejs18.x, provided.al2, java8.al2] or be a valid ARN"
)
IMAGE = "111111111111.dkr.ecr.us-east-1.amazonaws.com/repository"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        yield server.client(validate=False)


def creation(client: Any, **members: Any) -> tuple[int, str, str]:
    request = {
        "FunctionName": "refused",
        "Runtime": "python3.12",
        "Role": ROLE,
        "Handler": "handler.handler",
        "Code": {"ZipFile": CODE},
        **members,
    }
    return refusal(client.create_function, **{member: value for member, value in request.items() if value is not None})


def update(client: Any, name: str, **members: Any) -> dict[str, Any]:
    """An update, and the configuration when it has ended."""
    client.update_function_configuration(FunctionName=name, **members)
    wait_updated(client, name)
    return bare(client.get_function_configuration(FunctionName=name))


@pytest.mark.parametrize("runtime", ["non-existent-runtime", "PYTHON3.9"])
def test_an_unknown_runtime_is_refused(client: Any, runtime: str) -> None:
    message = (
        f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: {RUNTIMES}"
    )
    create_active(client, f"runtime-{runtime.replace('.', '-')}")

    assert creation(client, Runtime=runtime) == (400, "InvalidParameterValueException", message)
    assert refusal(
        client.update_function_configuration, FunctionName=f"runtime-{runtime.replace('.', '-')}", Runtime=runtime
    ) == (400, "InvalidParameterValueException", message)


@pytest.mark.parametrize("runtime", ["dotnetcore3.1", "java8", "nodejs12.x", "nodejs14.x", "python3.7", "ruby2.7"])
def test_a_deprecated_runtime_is_refused(client: Any, runtime: str) -> None:
    assert creation(client, Runtime=runtime) == (
        400,
        "InvalidParameterValueException",
        (
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        ),
    )


def test_a_role_is_an_arn(client: Any) -> None:
    create_active(client, "role")
    message = (
        "1 validation error detected: Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular "
        r"expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
    )

    assert creation(client, Role="r1") == (400, "ValidationException", message)
    assert refusal(client.update_function_configuration, FunctionName="role", Role="r1")[2] == message


@pytest.mark.parametrize(
    ("architectures", "constraint"),
    [
        (["x86_64", "arm64"], "Member must have length less than or equal to 1"),
        (
            ["X86_64"],
            (
                "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], "
                "Member must not be null]"
            ),
        ),
    ],
)
def test_there_is_one_architecture(client: Any, architectures: list[str], constraint: str) -> None:
    assert creation(client, Architectures=architectures) == (
        400,
        "ValidationException",
        (
            f"1 validation error detected: Value '[{', '.join(architectures)}]' at 'architectures' failed to satisfy "
            f"constraint: {constraint}"
        ),
    )


def test_the_environment_holds_4_kb_of_json(client: Any) -> None:
    """test_large_environment_variables_fails, test_lambda_envvars_near_limit_succeeds."""
    room = 4096 - len('{"LARGE_VAR":""}')

    created = create(client, "near-limit", Environment={"Variables": {"LARGE_VAR": "x" * room}})

    assert created["Environment"]["Variables"]["LARGE_VAR"] == "x" * room
    assert creation(client, Environment={"Variables": {"LARGE_VAR": "x" * (room + 1)}}) == (
        400,
        "InvalidParameterValueException",
        (
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f'provided exceeded the 4KB limit. String measured: {{"LARGE_VAR":"{"x" * (room + 1)}"}}'
        ),
    )


def test_reserved_environment_variables_are_refused(client: Any) -> None:
    assert creation(client, Environment={"Variables": {"AWS_REGION": "x", "MINE": "y"}}) == (
        400,
        "InvalidParameterValueException",
        (
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. "
            "Reserved keys used in this request: AWS_REGION"
        ),
    )


@pytest.mark.parametrize(
    ("members", "path", "value", "most"),
    [
        ({"Timeout": 901}, "timeout", 901, 900),
        ({"MemorySize": 10241}, "memorySize", 10241, 10240),
        ({"EphemeralStorage": {"Size": 10241}}, "ephemeralStorage.size", 10241, 10240),
    ],
)
def test_ordinary_functions_have_ordinary_quotas(
    client: Any, members: dict[str, Any], path: str, value: int, most: int
) -> None:
    assert creation(client, **members) == (
        400,
        "ValidationException",
        (
            f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: "
            f"Member must have value less than or equal to {most}"
        ),
    )


def test_log_levels_come_and_go_with_json(client: Any) -> None:
    """test_advanced_logging_configuration_format_switch."""
    create_active(client, "logging")
    text = {"LogFormat": "Text", "LogGroup": "/aws/lambda/logging"}
    json = {**text, "LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}

    assert update(client, "logging", LoggingConfig={"LogFormat": "JSON"})["LoggingConfig"] == json
    assert update(client, "logging", LoggingConfig={"LogFormat": "Text"})["LoggingConfig"] == text
    assert refusal(
        client.update_function_configuration, FunctionName="logging", LoggingConfig={"ApplicationLogLevel": "INFO"}
    )[:2] == (400, "InvalidParameterValueException")


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({"ApplicationLogLevel": "DEBUG"}, {"ApplicationLogLevel": "DEBUG"}),
        ({"SystemLogLevel": "DEBUG"}, {"SystemLogLevel": "DEBUG"}),
        ({"LogGroup": "mine"}, {"LogGroup": "mine"}),
    ],
)
def test_a_partial_logging_configuration_changes_a_part(
    client: Any, given: dict[str, str], changed: dict[str, str]
) -> None:
    """test_function_partial_advanced_logging_configuration_update."""
    name = f"partial-{next(iter(given))}"
    create_active(client, name, LoggingConfig={"LogFormat": "JSON"})

    assert update(client, name, LoggingConfig=given)["LoggingConfig"] == {
        "LogFormat": "JSON",
        "LogGroup": f"/aws/lambda/{name}",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "INFO",
        **changed,
    }


def test_a_vpc_configuration_leaves_empty_members_behind(client: Any) -> None:
    """test_vpc_config."""
    created = create_active(
        client, "vpc", VpcConfig={"SubnetIds": ["subnet-0a", "subnet-0b"], "SecurityGroupIds": ["sg-1"]}
    )

    vpc = created["VpcConfig"]
    assert vpc.pop("VpcId").startswith("vpc-")
    assert vpc == {
        "SubnetIds": ["subnet-0a", "subnet-0b"],
        "SecurityGroupIds": ["sg-1"],
        "Ipv6AllowedForDualStack": False,
    }
    assert update(client, "vpc", VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})["VpcConfig"] == {
        "SubnetIds": [],
        "SecurityGroupIds": [],
        "VpcId": "",
        "Ipv6AllowedForDualStack": False,
    }


@pytest.mark.parametrize(
    ("given", "emptied"),
    [
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:111111111111:q"}}, {"DeadLetterConfig": {}}),
        ({"KMSKeyArn": "arn:aws:kms:us-east-1:111111111111:key/k"}, {"KMSKeyArn": ""}),
        (
            {
                "FileSystemConfigs": [
                    {
                        "Arn": "arn:aws:elasticfilesystem:us-east-1:111111111111:access-point/fsap-0123456789abcdef0",
                        "LocalMountPath": "/mnt/files",
                    }
                ]
            },
            {"FileSystemConfigs": []},
        ),
    ],
)
def test_an_emptied_setting_leaves_no_member_behind(
    client: Any, given: dict[str, Any], emptied: dict[str, Any]
) -> None:
    (member,) = given
    name = f"emptied-{member}"

    assert create_active(client, name, **given)[member] == given[member]
    assert update(client, name, Timeout=7)[member] == given[member]
    assert set(update(client, name, **emptied)) == ALWAYS | {"LastUpdateStatus"}


def test_what_only_some_functions_have_is_returned_as_given(client: Any) -> None:
    given = {
        "TenancyConfig": {"TenantIsolationMode": "PER_TENANT"},
        "DurableConfig": {"RetentionPeriodInDays": 7, "ExecutionTimeout": 300},
        "TracingConfig": {"Mode": "Active"},
        "EphemeralStorage": {"Size": 1024},
        "Architectures": ["arm64"],
    }

    created = create_active(client, "special", **given)

    assert {member: created[member] for member in given} == given


@pytest.mark.parametrize("runtime", ["java11", "java17", "python3.13", "dotnet8", "dotnet10"])
def test_snap_start_is_on_for_published_versions(client: Any, runtime: str) -> None:
    """TestLambdaSnapStart::test_snapstart_update_function_configuration."""
    name = f"snap-{runtime.replace('.', '')}"
    create_active(client, name, Runtime=runtime)

    updated = client.update_function_configuration(FunctionName=name, SnapStart={"ApplyOn": "PublishedVersions"})

    assert updated["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    client.publish_version(FunctionName=name)
    client.get_waiter("published_version_active").wait(FunctionName=name, Qualifier="1", WaiterConfig=PATIENCE)
    version = client.get_function_configuration(FunctionName=name, Qualifier="1")
    assert version["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    assert version["State"] == "Active"


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs22.x", "provided.al2023"])
def test_snap_start_is_refused_where_aws_has_none(client: Any, runtime: str) -> None:
    assert creation(client, Runtime=runtime, SnapStart={"ApplyOn": "PublishedVersions"}) == (
        400,
        "InvalidParameterValueException",
        f"{runtime} is not supported for SnapStart enabled functions.",
    )


@pytest.mark.parametrize(
    ("members", "answer"),
    [
        (
            {"CodeSigningConfigArn": "arn:aws:lambda:us-east-1:111111111111:code-signing-config:csc-077c33b4c19e26036"},
            (
                404,
                "CodeSigningConfigNotFoundException",
                (
                    "The code signing configuration cannot be found. Check that the provided configuration is not "
                    "deleted: arn:aws:lambda:us-east-1:111111111111:code-signing-config:csc-077c33b4c19e26036."
                ),
            ),
        ),
        (
            {
                "CapacityProviderConfig": {
                    "LambdaManagedInstancesCapacityProviderConfig": {
                        "CapacityProviderArn": "arn:aws:lambda:us-east-1:111111111111:capacity-provider:absent"
                    }
                }
            },
            (
                404,
                "ResourceNotFoundException",
                "Capacity provider not found: arn:aws:lambda:us-east-1:111111111111:capacity-provider:absent",
            ),
        ),
    ],
)
def test_what_a_function_refers_to_must_be_there(
    client: Any, members: dict[str, Any], answer: tuple[int, str, str]
) -> None:
    assert creation(client, **members) == answer
