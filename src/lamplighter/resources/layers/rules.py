"""How layer versions are named, and what AWS refuses about them. Pure."""

from collections.abc import Sequence

from lamplighter.aws.errors import (
    AccessDeniedException,
    InvalidParameterValueException,
    ResourceNotFoundException,
)
from lamplighter.kernel.arn import Arn

_LAYER_FIELDS = 2
_VERSION_FIELDS = 3


def layer_name(text: str, *, account_id: str, region: str) -> tuple[str, str, str]:
    """Account, region and name of the layer that a request names, by name or by ARN."""
    arn = Arn.parse(text)
    if arn is None:
        return account_id, region, text
    fields = arn.resource.split(":")
    name = fields[1] if len(fields) >= _LAYER_FIELDS else fields[0]
    return arn.account_id, arn.region, name


def layer_version(text: str) -> tuple[str, str, str, int] | None:
    """Account, region, name and number of the version that an ARN names; None where it names none of ours."""
    arn = Arn.parse(text)
    fields = [] if arn is None else arn.resource.split(":")
    if arn is None or len(fields) != _VERSION_FIELDS or not fields[2].isdigit():
        return None
    return arn.account_id, arn.region, fields[1], int(fields[2])


def check_number(version: int) -> None:
    if version < 1:
        raise InvalidParameterValueException("Layer Version Cannot be less than 1")


def check_reachable(account_id: str, arn: str, caller_account: str, caller_arn: str, action: str) -> None:
    """Another account's layer is out of reach, until its policy can say otherwise."""
    if account_id != caller_account:
        raise AccessDeniedException(
            f"User: {caller_arn} is not authorized to perform: {action} on resource: {arn} "
            f"because no resource-based policy allows the {action} action"
        )


def check_used_together(arns: Sequence[str], region: str) -> None:
    """The layers of one function: of its region, and each in one version only."""
    seen: dict[str, str] = {}
    for text in arns:
        arn = Arn.parse(text)
        if arn is not None and arn.region and arn.region != region:
            raise InvalidParameterValueException(
                f"Layers are not in the same region as the function. Layers are expected to be in region {region}."
            )
        layer = text.rpartition(":")[0]
        if layer in seen:
            raise InvalidParameterValueException(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{text} and {seen[layer]} are versions of the same layer."
            )
        seen[layer] = text


def version_unknown_to_function(arn: str) -> InvalidParameterValueException:
    return InvalidParameterValueException(f"Layer version {arn} does not exist.")


def version_not_found() -> ResourceNotFoundException:
    return ResourceNotFoundException("The resource you requested does not exist.")


def version_without_policy(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Layer version {arn} does not exist.")
