"""What AWS refuses about aliases: their names, their versions, their weights. Pure."""

from collections.abc import Mapping

from lamplighter.aws.errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from lamplighter.resources.aliases.model import AliasRecord
from lamplighter.resources.functions.names import LATEST


def check_weights(version: str, weights: Mapping[str, float]) -> None:
    """One additional version at most, another than the alias's own, neither of them $LATEST."""
    if not weights:
        return
    if len(weights) > 1:
        raise InvalidParameterValueException("Number of items in AdditionalVersionWeights cannot be greater than 1")
    if version == LATEST:
        raise InvalidParameterValueException("$LATEST is not supported for an alias pointing to more than 1 version")
    (additional,) = weights
    if additional == version:
        raise InvalidParameterValueException(
            f"Invalid function version {version}. "
            f"Function version {version} is already included in routing configuration."
        )


def alias_exists(alias: AliasRecord) -> ResourceConflictException:
    return ResourceConflictException(f"Alias already exists: {alias.arn}")


def alias_to_get_not_found(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Cannot find alias arn: {arn}")


def alias_to_update_not_found(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Alias not found: {arn}")
