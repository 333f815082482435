"""What the contract tests of functions share: a server, a function that is there, an answer that is a refusal."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.in_process import ROLE, zip_of

CODE = zip_of(handler="def handler(event, context):\n    return event\n")
OTHER_CODE = zip_of(handler="def handler(event, context):\n    return 'other'\n")
PATIENCE = {"Delay": 0.02, "MaxAttempts": 3000}  # of every waiter: a minute, looked at often
ARN = "arn:aws:lambda:us-east-1:111111111111:function"

# The members of every zip function's configuration, recorded 2025-11-25 (test_lambda_code_location_zipfile).
ALWAYS = frozenset(
    {"Architectures", "CodeSha256", "CodeSize", "Description", "EphemeralStorage", "FunctionArn", "FunctionName"}
    | {"Handler", "LastModified", "LoggingConfig", "MemorySize", "PackageType", "RevisionId", "Role", "Runtime"}
    | {"RuntimeVersionConfig", "SnapStart", "State", "Timeout", "TracingConfig", "Version"}
)


def create(client: Any, name: str, **members: Any) -> dict[str, Any]:
    """CreateFunction with the least it needs; the answer without ResponseMetadata."""
    request = {
        "FunctionName": name,
        "Runtime": "python3.12",
        "Role": ROLE,
        "Handler": "handler.handler",
        "Code": {"ZipFile": CODE},
        **members,
    }
    return bare(client.create_function(**{member: value for member, value in request.items() if value is not None}))


def create_active(client: Any, name: str, **members: Any) -> dict[str, Any]:
    """The same, when it is Active."""
    created = create(client, name, **members)
    wait_active(client, name)
    return created


def wait_active(client: Any, name: str) -> None:
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=PATIENCE)


def wait_updated(client: Any, name: str) -> None:
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=PATIENCE)


def bare(answer: dict[str, Any]) -> dict[str, Any]:
    return {member: value for member, value in answer.items() if member != "ResponseMetadata"}


def refusal(call: Any, **members: Any) -> tuple[int, str, str]:
    """Status, code and message of the refusal that the call must meet."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    response: Any = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]
