"""One way through the whole API: every operation once or more with the least that makes sense, all of them carried out.

The order is that of a life: what is created is read, listed, changed and deleted. Where an operation cannot answer 2xx
(there are no durable executions yet), its refusal is written down. A probe without knowledge is in test_probe.py.
"""

from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from lamplighter.aws.service import load_service
from tests.contract.functions import CODE, OTHER_CODE, refusal, wait_updated
from tests.contract.in_process import ACCOUNT, REGION, ROLE, InProcessLambda

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}"
FUNCTION = {"FunctionName": "f"}
ALIAS = {**FUNCTION, "Name": "live"}
LAYER = {"LayerName": "layer"}
FIRST_LAYER = {**LAYER, "VersionNumber": 1}
CAPACITY = {"CapacityProviderName": "capacity"}
MANAGED = {"FunctionName": "managed", "Qualifier": "1"}
RESOURCE = {"Resource": f"{ARN}:function:f"}
POLICY = (
    '{"Version":"2012-10-17","Statement":[{"Sid":"s","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},'
    '"Action":"lambda:InvokeFunction","Resource":"%s:function:f"}]}'
)
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
EXECUTION = {"DurableExecutionArn": f"{ARN}:function:f:1/durable-execution/name/id"}
CALLBACK = {"CallbackId": "YQ=="}

# Members in angle brackets are filled in from earlier answers.
STEPS: list[tuple[str, dict[str, Any]]] = [
    ("GetAccountSettings", {}),
    (
        "CreateCodeSigningConfig",
        {
            "AllowedPublishers": {
                "SigningProfileVersionArns": [f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/p/abcdefghij"]
            }
        },
    ),
    ("GetCodeSigningConfig", {"CodeSigningConfigArn": "<CodeSigningConfigArn>"}),
    ("ListCodeSigningConfigs", {}),
    ("UpdateCodeSigningConfig", {"CodeSigningConfigArn": "<CodeSigningConfigArn>"}),
    ("PublishLayerVersion", {**LAYER, "Content": {"ZipFile": CODE}}),
    ("ListLayers", {}),
    ("ListLayerVersions", LAYER),
    ("GetLayerVersion", FIRST_LAYER),
    ("GetLayerVersionByArn", {"Arn": f"{ARN}:layer:layer:1"}),
    (
        "AddLayerVersionPermission",
        {**FIRST_LAYER, "StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*"},
    ),
    ("GetLayerVersionPolicy", FIRST_LAYER),
    ("RemoveLayerVersionPermission", {**FIRST_LAYER, "StatementId": "s"}),
    (
        "CreateFunction",
        {**FUNCTION, "Runtime": "python3.12", "Handler": "h.h", "Role": ROLE, "Code": {"ZipFile": CODE}},
    ),
    ("GetFunction", FUNCTION),
    ("GetFunctionConfiguration", FUNCTION),
    ("ListFunctions", {}),
    ("UpdateFunctionCode", {**FUNCTION, "ZipFile": OTHER_CODE}),
    ("UpdateFunctionConfiguration", FUNCTION),
    ("PublishVersion", FUNCTION),
    ("ListVersionsByFunction", FUNCTION),
    ("CreateAlias", {**ALIAS, "FunctionVersion": "1"}),
    ("GetAlias", ALIAS),
    ("ListAliases", FUNCTION),
    ("UpdateAlias", ALIAS),
    ("Invoke", FUNCTION),
    ("InvokeAsync", {**FUNCTION, "InvokeArgs": b"{}"}),
    ("InvokeWithResponseStream", FUNCTION),
    ("TagResource", {**RESOURCE, "Tags": {"a": "b"}}),
    ("ListTags", RESOURCE),
    ("UntagResource", {**RESOURCE, "TagKeys": ["a"]}),
    (
        "AddPermission",
        {**FUNCTION, "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"},
    ),
    ("GetPolicy", FUNCTION),
    ("RemovePermission", {**FUNCTION, "StatementId": "s"}),
    ("PutResourcePolicy", {"ResourceArn": f"{ARN}:function:f", "Policy": POLICY % (ACCOUNT, ARN)}),
    ("GetResourcePolicy", {"ResourceArn": f"{ARN}:function:f"}),
    ("DeleteResourcePolicy", {"ResourceArn": f"{ARN}:function:f"}),
    ("PutFunctionConcurrency", {**FUNCTION, "ReservedConcurrentExecutions": 5}),
    ("GetFunctionConcurrency", FUNCTION),
    ("PutProvisionedConcurrencyConfig", {**FUNCTION, "Qualifier": "live", "ProvisionedConcurrentExecutions": 1}),
    ("GetProvisionedConcurrencyConfig", {**FUNCTION, "Qualifier": "live"}),
    ("ListProvisionedConcurrencyConfigs", FUNCTION),
    ("DeleteProvisionedConcurrencyConfig", {**FUNCTION, "Qualifier": "live"}),
    ("DeleteFunctionConcurrency", FUNCTION),
    ("PutFunctionEventInvokeConfig", {**FUNCTION, "MaximumRetryAttempts": 1}),
    ("GetFunctionEventInvokeConfig", FUNCTION),
    ("ListFunctionEventInvokeConfigs", FUNCTION),
    ("UpdateFunctionEventInvokeConfig", {**FUNCTION, "MaximumRetryAttempts": 2}),
    ("DeleteFunctionEventInvokeConfig", FUNCTION),
    ("PutFunctionRecursionConfig", {**FUNCTION, "RecursiveLoop": "Allow"}),
    ("GetFunctionRecursionConfig", FUNCTION),
    ("PutRuntimeManagementConfig", {**FUNCTION, "UpdateRuntimeOn": "Auto"}),
    ("GetRuntimeManagementConfig", FUNCTION),
    ("CreateFunctionUrlConfig", {**FUNCTION, "AuthType": "NONE"}),
    ("GetFunctionUrlConfig", FUNCTION),
    ("ListFunctionUrlConfigs", FUNCTION),
    ("UpdateFunctionUrlConfig", FUNCTION),
    ("DeleteFunctionUrlConfig", FUNCTION),
    ("CreateEventSourceMapping", {**FUNCTION, "EventSourceArn": QUEUE}),
    ("ListEventSourceMappings", {}),
    ("GetEventSourceMapping", {"UUID": "<UUID>"}),
    ("UpdateEventSourceMapping", {"UUID": "<UUID>"}),
    ("DeleteEventSourceMapping", {"UUID": "<UUID>"}),
    ("PutFunctionCodeSigningConfig", {**FUNCTION, "CodeSigningConfigArn": "<CodeSigningConfigArn>"}),
    ("GetFunctionCodeSigningConfig", FUNCTION),
    ("ListFunctionsByCodeSigningConfig", {"CodeSigningConfigArn": "<CodeSigningConfigArn>"}),
    ("DeleteFunctionCodeSigningConfig", FUNCTION),
    ("DeleteCodeSigningConfig", {"CodeSigningConfigArn": "<CodeSigningConfigArn>"}),
    (
        "CreateCapacityProvider",
        {
            **CAPACITY,
            "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
            "PermissionsConfig": {"CapacityProviderOperatorRoleArn": ROLE},
        },
    ),
    ("GetCapacityProvider", CAPACITY),
    ("ListCapacityProviders", {}),
    ("UpdateCapacityProvider", CAPACITY),
    (
        "CreateFunction",
        {
            "FunctionName": "managed",
            "Runtime": "python3.13",
            "Handler": "h.h",
            "Role": ROLE,
            "Publish": True,
            "Code": {"ZipFile": CODE},
            "CapacityProviderConfig": {
                "LambdaManagedInstancesCapacityProviderConfig": {
                    "CapacityProviderArn": f"{ARN}:capacity-provider:capacity"
                }
            },
        },
    ),
    ("ListFunctionVersionsByCapacityProvider", CAPACITY),
    ("PutFunctionScalingConfig", {**MANAGED, "FunctionScalingConfig": {"MinExecutionEnvironments": 1}}),
    ("GetFunctionScalingConfig", MANAGED),
    ("DeleteFunction", {"FunctionName": "managed"}),
    ("DeleteCapacityProvider", CAPACITY),
    ("ListDurableExecutionsByFunction", FUNCTION),
    ("DeleteAlias", ALIAS),
    ("DeleteFunction", FUNCTION),
    ("DeleteLayerVersion", FIRST_LAYER),
]

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "CheckpointDurableExecution": ({**EXECUTION, "CheckpointToken": "YQ=="}, "InvalidParameterValueException"),
    "GetDurableExecutionState": ({**EXECUTION, "CheckpointToken": "YQ=="}, "InvalidParameterValueException"),
    "DeleteDurableExecution": (EXECUTION, "ResourceNotFoundException"),
    "GetDurableExecution": (EXECUTION, "ResourceNotFoundException"),
    "GetDurableExecutionHistory": (EXECUTION, "ResourceNotFoundException"),
    "PauseDurableExecution": (EXECUTION, "ResourceNotFoundException"),
    "ResumeDurableExecution": (EXECUTION, "ResourceNotFoundException"),
    "StopDurableExecution": (EXECUTION, "ResourceNotFoundException"),
    "SendDurableExecutionCallbackFailure": (CALLBACK, "ResourceNotFoundException"),
    "SendDurableExecutionCallbackHeartbeat": (CALLBACK, "ResourceNotFoundException"),
    "SendDurableExecutionCallbackSuccess": (CALLBACK, "ResourceNotFoundException"),
}


def _status_of(operation: dict[str, Any]) -> int:
    status: int = operation["http"].get("responseCode", 200)
    return status


def filled(members: dict[str, Any], learnt: dict[str, Any]) -> dict[str, Any]:
    return {
        member: learnt[value[1:-1]] if isinstance(value, str) and value.startswith("<") else value
        for member, value in members.items()
    }


def learn(answer: dict[str, Any], learnt: dict[str, Any]) -> None:
    """Names that the server has given."""
    if "CodeSigningConfig" in answer:
        learnt["CodeSigningConfigArn"] = answer["CodeSigningConfig"]["CodeSigningConfigArn"]
    if "UUID" in answer:
        learnt["UUID"] = answer["UUID"]


def test_every_operation_is_carried_out(tmp_path: Path) -> None:
    operations = load_service("lambda").model.operations
    learnt: dict[str, Any] = {}
    seen = {}
    with InProcessLambda(tmp_path) as server:
        client = server.client()
        for name, members in STEPS:
            try:
                answer = client._make_api_call(name, filled(members, learnt))
            except ClientError as error:
                raise AssertionError(f"{name} {members}") from error
            learn(answer, learnt)
            if name.startswith("UpdateFunctionCo"):
                wait_updated(client, "f")
            seen[name] = answer["ResponseMetadata"]["HTTPStatusCode"]
        # What Lambda says of itself in a member of the answer (Invoke, DeleteFunction) stands above the model's status.
        assert {name: status for name, status in seen.items() if status != _status_of(operations[name])} == {
            "DeleteFunction": 204
        }

        for name, (members, code) in REFUSED.items():
            assert refusal(getattr(client, xform_name(name)), **members)[1] == code
            assert code in operations[name]["errors"]
    assert {name for name, _ in STEPS} | set(REFUSED) == set(operations)
