"""What declarative tools rely on: what is given is read back as given, and giving it again changes nothing.

Each resource is created with all it takes, read, updated with the same once more, and read again. A second update may
only move what AWS moves: revision ids and times. Answers hold no empty keys that nobody gave; lists keep their order.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.functions import ARN, CODE, bare, create_active, wait_updated
from tests.contract.in_process import ACCOUNT, REGION, ROLE, InProcessLambda

MOVES = frozenset({"RevisionId", "LastModified", "LastModifiedTime"})
PUBLISHER = f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k"

Call = Callable[[Any], Any]


@dataclass(frozen=True)
class Declared:
    """One resource as a tool declares it: `given` must come back; `create`, `update` and `read` carry it."""

    name: str
    given: dict[str, Any]
    create: Call
    update: Call
    read: Callable[[Any], dict[str, Any]]
    # What the answers show beside what was given.
    shown: frozenset[str]


FUNCTION = {
    "Role": ROLE,
    "Handler": "handler.handler",
    "Runtime": "python3.12",
    "Description": "as declared",
    "Timeout": 30,
    "MemorySize": 256,
    "KMSKeyArn": KEY,
    "TracingConfig": {"Mode": "Active"},
    "EphemeralStorage": {"Size": 1024},
    "Environment": {"Variables": {"BETA": "2", "ALPHA": "1", "EMPTY": ""}},
    "DeadLetterConfig": {"TargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"},
    "FileSystemConfigs": [
        {
            "Arn": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:access-point/fsap-0123456789abcdef0",
            "LocalMountPath": "/mnt/x",
        }
    ],
    "LoggingConfig": {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "WARN",
        "SystemLogLevel": "DEBUG",
        "LogGroup": "/declared",
    },
}
SHOWN_OF_FUNCTIONS = frozenset(
    {"FunctionName", "FunctionArn", "CodeSize", "CodeSha256", "Version", "State", "LastUpdateStatus", "PackageType"}
    | {"Architectures", "SnapStart", "RuntimeVersionConfig", "RevisionId", "LastModified"}
)
CORS = {"AllowOrigins": ["https://z.example", "https://a.example"], "AllowMethods": ["PUT", "GET"], "MaxAge": 0}
EVENT_INVOKE = {
    "MaximumRetryAttempts": 0,
    "MaximumEventAgeInSeconds": 60,
    "DestinationConfig": {"OnSuccess": {}, "OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:failed"}},
}
SIGNING = {
    "Description": "as declared",
    "AllowedPublishers": {"SigningProfileVersionArns": [f"{PUBLISHER}/z/abcdefghij", f"{PUBLISHER}/a/abcdefghij"]},
    "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Warn"},
}
MAPPING = {
    "BatchSize": 5,
    "MaximumBatchingWindowInSeconds": 0,
    "FilterCriteria": {"Filters": [{"Pattern": '{"b": [1]}'}, {"Pattern": '{"a": [1]}'}]},
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "ScalingConfig": {"MaximumConcurrency": 7},
}
CAPACITY = {
    "VpcConfig": {"SubnetIds": ["subnet-9", "subnet-1"], "SecurityGroupIds": ["sg-9", "sg-1"]},
    "PermissionsConfig": {"CapacityProviderOperatorRoleArn": ROLE},
    "InstanceRequirements": {"Architectures": ["arm64"], "AllowedInstanceTypes": ["m8g.*", "c8g.*"]},
    "CapacityProviderScalingConfig": {"MaxVCpuCount": 20, "ScalingMode": "Auto"},
    "KmsKeyArn": KEY,
}
ALIAS = {
    "FunctionVersion": "1",
    "Description": "as declared",
    "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.25}},
}


def _mapping(client: Any) -> str:
    (mapping,) = client.list_event_source_mappings(FunctionName="base")["EventSourceMappings"]
    uuid: str = mapping["UUID"]
    return uuid


def _read_mapping(client: Any) -> dict[str, Any]:
    """When it is polled, or would be."""
    for _ in range(10_000):
        found = bare(client.get_event_source_mapping(UUID=_mapping(client)))
        if not found["State"].endswith("ing"):
            return found
    raise AssertionError(found)


def _signing(client: Any) -> str:
    (config,) = client.list_code_signing_configs()["CodeSigningConfigs"]
    arn: str = config["CodeSigningConfigArn"]
    return arn


def _read_capacity(client: Any) -> dict[str, Any]:
    for _ in range(10_000):
        found: dict[str, Any] = client.get_capacity_provider(CapacityProviderName="declared")["CapacityProvider"]
        if found["State"] == "Active":
            return found
    raise AssertionError(found)


def _update_function(client: Any) -> None:
    client.update_function_configuration(FunctionName="declared", **FUNCTION)
    wait_updated(client, "declared")


def _update_code(client: Any) -> None:
    client.update_function_code(FunctionName="coded", ZipFile=CODE)
    wait_updated(client, "coded")


DECLARED = [
    Declared(
        "function",
        FUNCTION,
        lambda client: create_active(client, "declared", **FUNCTION),
        _update_function,
        lambda client: bare(client.get_function_configuration(FunctionName="declared")),
        SHOWN_OF_FUNCTIONS,
    ),
    Declared(
        "code",
        {},
        lambda client: create_active(client, "coded"),
        _update_code,
        lambda client: bare(client.get_function_configuration(FunctionName="coded")),
        SHOWN_OF_FUNCTIONS
        | {"Role", "Handler", "Runtime", "Description", "Timeout", "MemorySize", "TracingConfig"}
        | {"EphemeralStorage", "LoggingConfig"},
    ),
    Declared(
        "alias",
        ALIAS,
        lambda client: client.create_alias(FunctionName="base", Name="declared", **ALIAS),
        lambda client: client.update_alias(FunctionName="base", Name="declared", **ALIAS),
        lambda client: bare(client.get_alias(FunctionName="base", Name="declared")),
        frozenset({"AliasArn", "Name", "RevisionId"}),
    ),
    Declared(
        "function URL",
        {"AuthType": "AWS_IAM", "Cors": CORS, "InvokeMode": "RESPONSE_STREAM"},
        lambda client: client.create_function_url_config(
            FunctionName="base", AuthType="AWS_IAM", Cors=CORS, InvokeMode="RESPONSE_STREAM"
        ),
        lambda client: client.update_function_url_config(
            FunctionName="base", AuthType="AWS_IAM", Cors=CORS, InvokeMode="RESPONSE_STREAM"
        ),
        lambda client: bare(client.get_function_url_config(FunctionName="base")),
        frozenset({"FunctionUrl", "FunctionArn", "CreationTime", "LastModifiedTime"}),
    ),
    Declared(
        "event invoke configuration",
        EVENT_INVOKE,
        lambda client: client.put_function_event_invoke_config(FunctionName="base", **EVENT_INVOKE),
        lambda client: client.update_function_event_invoke_config(FunctionName="base", **EVENT_INVOKE),
        lambda client: bare(client.get_function_event_invoke_config(FunctionName="base")),
        frozenset({"FunctionArn", "LastModified"}),
    ),
    Declared(
        "code signing configuration",
        SIGNING,
        lambda client: client.create_code_signing_config(**SIGNING),
        lambda client: client.update_code_signing_config(CodeSigningConfigArn=_signing(client), **SIGNING),
        lambda client: client.get_code_signing_config(CodeSigningConfigArn=_signing(client))["CodeSigningConfig"],
        frozenset({"CodeSigningConfigId", "CodeSigningConfigArn", "LastModified"}),
    ),
    Declared(
        "event source mapping",
        MAPPING,
        lambda client: client.create_event_source_mapping(
            FunctionName="base", EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", **MAPPING
        ),
        lambda client: client.update_event_source_mapping(UUID=_mapping(client), **MAPPING),
        _read_mapping,
        frozenset(
            {"UUID", "EventSourceArn", "EventSourceMappingArn", "FunctionArn", "LastModified", "State"}
            | {"StateTransitionReason"}
        ),
    ),
    Declared(
        "capacity provider",
        CAPACITY,
        lambda client: client.create_capacity_provider(CapacityProviderName="declared", **CAPACITY),
        lambda client: client.update_capacity_provider(
            CapacityProviderName="declared",
            CapacityProviderScalingConfig=CAPACITY["CapacityProviderScalingConfig"],
        ),
        _read_capacity,
        frozenset({"CapacityProviderArn", "State", "LastModified"}),
    ),
    Declared(
        "reserved concurrency",
        {"ReservedConcurrentExecutions": 5},
        lambda client: client.put_function_concurrency(FunctionName="base", ReservedConcurrentExecutions=5),
        lambda client: client.put_function_concurrency(FunctionName="base", ReservedConcurrentExecutions=5),
        lambda client: bare(client.get_function_concurrency(FunctionName="base")),
        frozenset(),
    ),
    Declared(
        "recursion",
        {"RecursiveLoop": "Allow"},
        lambda client: client.put_function_recursion_config(FunctionName="base", RecursiveLoop="Allow"),
        lambda client: client.put_function_recursion_config(FunctionName="base", RecursiveLoop="Allow"),
        lambda client: bare(client.get_function_recursion_config(FunctionName="base")),
        frozenset(),
    ),
    Declared(
        "runtime management",
        {"UpdateRuntimeOn": "FunctionUpdate"},
        lambda client: client.put_runtime_management_config(FunctionName="base", UpdateRuntimeOn="FunctionUpdate"),
        lambda client: client.put_runtime_management_config(FunctionName="base", UpdateRuntimeOn="FunctionUpdate"),
        lambda client: bare(client.get_runtime_management_config(FunctionName="base")),
        frozenset({"FunctionArn"}),
    ),
    Declared(
        "tags",
        {"Tags": {"b": "2", "a": ""}},
        lambda client: client.tag_resource(Resource=f"{ARN}:base", Tags={"b": "2", "a": ""}),
        lambda client: client.tag_resource(Resource=f"{ARN}:base", Tags={"b": "2", "a": ""}),
        lambda client: bare(client.list_tags(Resource=f"{ARN}:base")),
        frozenset(),
    ),
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        client = server.client(validate=False)
        create_active(client, "base", Publish=True)
        client.update_function_configuration(FunctionName="base", Description="second")
        client.publish_version(FunctionName="base")
        yield client


def still(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer without what every update moves."""
    return {member: value for member, value in answer.items() if member not in MOVES}


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared.name)
def test_what_is_declared_is_read_back_and_declaring_it_again_changes_nothing(client: Any, declared: Declared) -> None:
    declared.create(client)
    first = declared.read(client)
    assert {member: first.get(member) for member in declared.given} == declared.given
    assert set(first) == set(declared.given) | declared.shown
    assert declared.read(client) == first

    declared.update(client)
    second = declared.read(client)
    assert still(second) == still(first)
    declared.update(client)
    assert still(declared.read(client)) == still(first)
