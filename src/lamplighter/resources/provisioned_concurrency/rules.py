"""What AWS refuses about provisioned concurrency, how it is shared out, and its status. Pure.

Wordings are AWS's own, as public tools and providers quote them.
"""

import math
from collections.abc import Iterable, Mapping

from lamplighter.aws.errors import (
    InvalidParameterValueException,
    ProvisionedConcurrencyConfigNotFoundException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from lamplighter.kernel.limits import Limits
from lamplighter.resources.aliases.model import AliasRecord
from lamplighter.resources.functions.names import LATEST, is_version
from lamplighter.resources.provisioned_concurrency.model import Provisioned, ProvisionedConfig

# Versions, each with the qualifiers that want environments of it, in order, and how many.
Plan = dict[str, list[tuple[str, int]]]

IN_PROGRESS = "IN_PROGRESS"
READY = "READY"
FAILED = "FAILED"


# --- what is wanted of which version


def share(requested: int, alias: AliasRecord) -> dict[str, int]:
    """What an alias wants of each of its versions: by weight, rounded up for the additional one, none lost."""
    shares = {}
    left = requested
    for version, weight in alias.weights.items():
        shares[version] = min(left, math.ceil(round(requested * weight, 6)))
        left -= shares[version]
    return {alias.version: left, **shares}


def plan(configs: Iterable[ProvisionedConfig], aliases: Mapping[str, AliasRecord]) -> Plan:
    """All of one function's configurations together."""
    wanted: Plan = {}
    for config in configs:
        alias = aliases.get(config.qualifier)
        shares = {config.qualifier: config.requested} if alias is None else share(config.requested, alias)
        for version, count in shares.items():
            if version != LATEST and count > 0:
                wanted.setdefault(version, []).append((config.qualifier, count))
    return wanted


def come_of(qualifier: str, wanted: Plan, found: Mapping[str, Provisioned]) -> Provisioned:
    """What has come of one qualifier's wish; who shares a version is served in the order of the plan."""
    ready, failure = 0, None
    for version, wishes in wanted.items():
        provisioned = found.get(version, Provisioned())
        left = provisioned.ready
        for wisher, count in wishes:
            if wisher == qualifier:
                ready += min(left, count)
                failure = failure or (provisioned.failure if left < count else None)
            left = max(0, left - count)
    return Provisioned(ready=ready, failure=failure)


def status(requested: int, provisioned: Provisioned) -> str:
    if provisioned.ready >= requested:
        return READY
    return IN_PROGRESS if provisioned.failure is None else FAILED


# --- what is refused


def check_target(qualifier: str | None) -> None:
    """$LATEST changes all the time: nothing can be initialised ahead for it."""
    if qualifier is None or qualifier == LATEST:
        raise unpublished()


def unpublished() -> InvalidParameterValueException:
    return InvalidParameterValueException(
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
    )


def check_subject(qualifier: str | None) -> None:
    """The same of the operations that read and delete, in other words."""
    if qualifier is None or qualifier == LATEST:
        raise InvalidParameterValueException("The function resource provided must be an alias or a published version.")


def check_reserved(requested: int, others: int, reserved: int) -> None:
    """`others` is what the function's other qualifiers have requested."""
    if reserved < requested + others:
        raise InvalidParameterValueException(
            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
        )


def check_unreserved(requested: int, unreserved: int, limits: Limits) -> None:
    """`unreserved` is what the account has left. AWS answers these two without a Type."""
    if requested > unreserved:
        raise InvalidParameterValueException(
            "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency "
            f"[{unreserved}].",
            Type=None,
        )
    if unreserved - requested < limits.unreserved_concurrency_minimum:
        raise InvalidParameterValueException(
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below "
            f"its minimum value of [{limits.unreserved_concurrency_minimum}].",
            Type=None,
        )


def check_reservation(reserved: int, provisioned: int) -> None:
    """A function's reservation must hold what it has provisioned."""
    if provisioned > reserved:
        raise InvalidParameterValueException(
            f" ReservedConcurrentExecutions  {reserved} should not be lower than function's total provisioned "
            f"concurrency [{provisioned}]."
        )


def check_overlap(qualifier: str, provisioned: frozenset[str], aliases: Mapping[str, AliasRecord]) -> None:
    """A version is provisioned for itself or through aliases, not both."""
    if is_version(qualifier):
        if any(alias.name in provisioned and alias.version == qualifier for alias in aliases.values()):
            raise ResourceConflictException("Version is pointed by a Provisioned Concurrency alias")
    elif aliases[qualifier].version in provisioned:
        raise ResourceConflictException(
            "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
        )


def check_snap_start(apply_on: str) -> None:
    if apply_on != "None":
        raise InvalidParameterValueException(
            "Provisioned Concurrency is not supported for functions with SnapStart enabled."
        )


def alias_not_found(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Cannot find alias arn: {arn}")


def no_config() -> ProvisionedConcurrencyConfigNotFoundException:
    return ProvisionedConcurrencyConfigNotFoundException("No Provisioned Concurrency Config found for this function")
