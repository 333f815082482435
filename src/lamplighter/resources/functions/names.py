"""How a request names a function: a name, a partial ARN, a full ARN, each with or without a qualifier.

The service model has already refused what its pattern does not match; here is what AWS refuses beyond that. Pure.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from lamplighter.aws.errors import InvalidParameterValueException, ResourceNotFoundException
from lamplighter.kernel.arn import lambda_arn

LATEST = "$LATEST"

# AWS's own pattern for NamespacedFunctionName, with names for the parts.
_FUNCTION_NAME = re.compile(
    r"(?:arn:(?:aws[a-zA-Z-]*)?:lambda:)?"
    r"(?:(?P<region>(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?"
    r"(?:(?P<account_id>\d{12}):)?"
    r"(?:function:)?(?P<name>[a-zA-Z0-9-_.]+)"
    r"(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
_VERSION = re.compile(r"[0-9]+")
_MAXIMUM_NAME = 64


@dataclass(frozen=True, slots=True)
class FunctionName:
    """One function of one account and region, with the qualifier asked for, if any."""

    account_id: str
    region: str
    name: str
    qualifier: str | None = None
    # The ARN without a qualifier, and with the one asked for; without one, the same. Put together once, because the
    # names of functions that are invoked are kept (locate_function).
    arn: str = field(init=False, repr=False, compare=False)
    qualified_arn: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        arn = lambda_arn(self.region, self.account_id, "function", self.name)
        object.__setattr__(self, "arn", arn)
        object.__setattr__(self, "qualified_arn", arn if self.qualifier is None else f"{arn}:{self.qualifier}")

    @property
    def asks_for_latest(self) -> bool:
        return self.qualifier is None or self.qualifier == LATEST


@lru_cache(maxsize=4096)
def locate_function(text: str, qualifier: str | None, *, account_id: str, region: str) -> FunctionName:
    """What `text` and the separate `qualifier` of a request name, seen from the caller's account and region."""
    match = _FUNCTION_NAME.fullmatch(text)
    if match is None:
        raise ResourceNotFoundException(f"Function not found: {lambda_arn(region, account_id, 'function', text)}")
    if match["region"] and match["region"] != region:
        raise ResourceNotFoundException(
            f"Functions from '{match['region']}' are not reachable in this region ('{region}')"
        )
    if qualifier and match["qualifier"] and qualifier != match["qualifier"]:
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return FunctionName(match["account_id"] or account_id, region, match["name"], qualifier or match["qualifier"])


def check_new_name(name: str) -> None:
    """The length of the name itself; the model's limit is that of a whole ARN."""
    if len(name) > _MAXIMUM_NAME:
        raise InvalidParameterValueException(
            f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
            f"Member must have length less than or equal to {_MAXIMUM_NAME}"
        )


def is_version(qualifier: str) -> bool:
    """Whether `qualifier` is the number of a published version."""
    return _VERSION.fullmatch(qualifier) is not None


def is_alias(qualifier: str | None) -> bool:
    """Whether `qualifier` can only be the name of an alias."""
    return qualifier is not None and not qualifier.startswith("$") and not is_version(qualifier)


def not_found(name: FunctionName) -> ResourceNotFoundException:
    """AWS's refusal for a function, version or alias that is not there."""
    return ResourceNotFoundException(f"Function not found: {name.qualified_arn}")
