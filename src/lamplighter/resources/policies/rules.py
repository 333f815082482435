"""How a permission becomes a statement, and what AWS refuses about it. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from lamplighter.aws.errors import (
    InvalidParameterValueException,
    PolicyLengthExceededException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from lamplighter.kernel.arn import partition_of
from lamplighter.resources.policies.model import PolicyRecord

_MOST_BYTES = 20_480
_INVOKE_URL = "lambda:InvokeFunctionUrl"
_SERVICE = re.compile(r"[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)*\.(amazonaws\.com(\.cn)?|alexa\.com)|[a-z-]+\.amazon\.com")
_ACCOUNT = re.compile(r"\d{12}")
_IDENTITY = re.compile(r"arn:aws[a-zA-Z-]*:(iam|sts)::\d{12}:.+")

# Which condition a member of AddPermission becomes: operator, key.
_CONDITIONS = {
    "SourceArn": ("ArnLike", "AWS:SourceArn"),
    "SourceAccount": ("StringEquals", "AWS:SourceAccount"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "OrganizationId": ("StringEquals", "aws:PrincipalOrgID"),
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
}


# Any: a policy statement is a JSON object of AWS's own grammar.
def statement_of(permission: Mapping[str, Any], resource: str, region: str) -> dict[str, Any]:
    """The statement that a request to add a permission asks for."""
    if permission.get("FunctionUrlAuthType") and permission["Action"] != _INVOKE_URL:
        raise InvalidParameterValueException(f"FunctionUrlAuthType is only supported for {_INVOKE_URL} action")
    statement: dict[str, Any] = {
        "Sid": permission["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(permission["Principal"], region),
        "Action": permission["Action"],
        "Resource": resource,
    }
    conditions: dict[str, dict[str, str]] = {}
    for member, (operator, key) in _CONDITIONS.items():
        value = permission.get(member)
        if value is not None:
            conditions.setdefault(operator, {})[key] = str(value).lower() if isinstance(value, bool) else value
    if conditions:
        statement["Condition"] = conditions
    return statement


def _principal(principal: str, region: str) -> str | dict[str, str]:
    if principal == "*":
        return principal
    if _ACCOUNT.fullmatch(principal):
        return {"AWS": f"arn:{partition_of(region)}:iam::{principal}:root"}
    if _IDENTITY.fullmatch(principal):
        return {"AWS": principal}
    if _SERVICE.fullmatch(principal):
        return {"Service": principal}
    raise InvalidParameterValueException(
        "The provided principal was invalid. Please check the principal and try again."
    )


def add_statement(policy: PolicyRecord | None, statement: dict[str, Any], revision_id: str) -> PolicyRecord:
    """The policy with one statement more."""
    if policy is not None and policy.has(statement["Sid"]):
        raise ResourceConflictException(
            f"The statement id ({statement['Sid']}) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        )
    before = PolicyRecord(revision_id=revision_id) if policy is None else policy
    added = replace(before, statements=(*before.statements, statement), revision_id=revision_id)
    check_length(added)
    return added


def check_length(policy: PolicyRecord) -> None:
    size = len(policy.document.encode())
    if size > _MOST_BYTES:
        raise PolicyLengthExceededException(f"The final policy size ({size}) is bigger than the limit ({_MOST_BYTES}).")


def remove_statement(policy: PolicyRecord | None, statement_id: str, revision_id: str) -> PolicyRecord:
    """The policy with one statement less."""
    if policy is None:
        raise no_policy()
    if not policy.has(statement_id):
        raise ResourceNotFoundException(f"Statement {statement_id} is not found in resource policy.")
    kept = tuple(statement for statement in policy.statements if statement.get("Sid") != statement_id)
    return replace(policy, statements=kept, revision_id=revision_id)


def no_policy_of(function_arn: str) -> ResourceNotFoundException:
    """Of a function that is not there."""
    return ResourceNotFoundException(f"No policy found for: {function_arn}")


def no_policy() -> ResourceNotFoundException:
    return ResourceNotFoundException("No policy is associated with the given resource.")
