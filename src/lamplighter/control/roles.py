"""Whether a function may have the execution role that it is given.

Roles are kept by IAM. Where the endpoint table has no `iam`, nobody knows them and every role will do, as for a
development server; where it has, the role must be of the function's account, exist, and trust Lambda. Must not know
what a role allows.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from lamplighter.aws.errors import AccessDeniedException, InvalidParameterValueException, ServiceException
from lamplighter.aws_client.client import AwsClient, CallRefused, Place
from lamplighter.aws_client.iam import get_trust_policy
from lamplighter.kernel.arn import Arn
from lamplighter.wire.http_client import CallFailed

LAMBDA = "lambda.amazonaws.com"
_ASSUMES = frozenset({"sts:AssumeRole", "sts:*", "*"})


class Roles(Protocol):
    """Who judges execution roles."""

    async def check(self, role: str, account_id: str, region: str) -> None:
        """Raises AWS's error when functions of the account cannot have the role of this ARN."""
        ...


class UnknownRoles:
    """There is no IAM: nothing is known that would speak against a role."""

    async def check(self, role: str, account_id: str, region: str) -> None:
        return None


class IamRoles:
    """Asks the IAM behind the endpoint table."""

    def __init__(self, client: AwsClient) -> None:
        self._client = client

    async def check(self, role: str, account_id: str, region: str) -> None:
        """Raises AccessDeniedException, InvalidParameterValueException, or ServiceException when IAM fails."""
        arn = Arn.parse(role)
        if arn is None or arn.account_id != account_id:
            raise AccessDeniedException("Cross-account pass role is not allowed.")
        name = arn.resource.rpartition("/")[2]
        try:
            policy = await get_trust_policy(self._client, Place(account_id, region), name)
        except (CallRefused, CallFailed) as error:
            raise ServiceException(f"IAM could not be asked about the role {role}: {error}") from error
        if policy is None or not trusts_lambda(policy):
            raise InvalidParameterValueException("The role defined for the function cannot be assumed by Lambda.")


def trusts_lambda(policy: str) -> bool:
    """Whether a trust policy lets Lambda assume the role. What is no policy at all, IAM itself would have refused."""
    try:
        statements = msgspec.json.decode(policy, type=dict[str, Any])["Statement"]
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError):
        return True
    allowing = [one for one in _listed(statements) if _concerns_lambda(one)]
    return bool(allowing) and all(one.get("Effect") == "Allow" for one in allowing)


def _concerns_lambda(statement: Any) -> bool:
    if not isinstance(statement, dict) or not _ASSUMES.intersection(_listed(statement.get("Action"))):
        return False
    principal = statement.get("Principal")
    if isinstance(principal, dict):
        return bool({LAMBDA, "*"}.intersection(_listed(principal.get("Service"))))
    return principal == "*"


def _listed(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list) else (value,)
