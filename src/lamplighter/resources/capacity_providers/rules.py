"""What is refused about capacity providers and the scaling of functions on them, and what they are unless said. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-capacity-providers.html. "Not found" is worded
as recorded on AWS (2025-11, TestLambdaTag); for the rest AWS's words are not known.
"""

from typing import Any

from lamplighter.aws.errors import (
    CapacityProviderLimitExceededException,
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from lamplighter.resources.capacity_providers.model import DELETING, CapacityProvider, ScalingConfig

MOST = 1000
_SCALING = "CapacityProviderScalingConfig"
_AS_GIVEN = ("VpcConfig", "PermissionsConfig", "KmsKeyArn", "PropagateTags", "TelemetryConfig")
_DEFAULT_SCALING = {"MaxVCpuCount": 400, "ScalingMode": "Auto"}
_DEFAULT_ARCHITECTURES = {"Architectures": ["x86_64"]}


# Any: the API's own nested structures, already validated against the model.
def first_settings(request: dict[str, Any]) -> dict[str, Any]:
    """From a Create request, with AWS's defaults; checked."""
    settings = {member: request[member] for member in _AS_GIVEN if request.get(member)}
    settings["InstanceRequirements"] = {**_DEFAULT_ARCHITECTURES, **(request.get("InstanceRequirements") or {})}
    settings[_SCALING] = {**_DEFAULT_SCALING, **(request.get(_SCALING) or {})}
    return _checked(settings)


def changed_settings(settings: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """With what an Update request says; checked. Members of the scaling configuration change one by one."""
    changed = dict(settings)
    for member in ("PropagateTags", "TelemetryConfig"):
        if request.get(member) is not None:
            changed[member] = request[member]
    given = request.get(_SCALING) or {}
    scaling = {**settings[_SCALING], **given}
    if given.get("ScalingMode") == "Auto" and "ScalingPolicies" not in given:
        scaling.pop("ScalingPolicies", None)
    changed[_SCALING] = scaling
    return _checked({member: value for member, value in changed.items() if value})


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    scaling, instances = settings[_SCALING], settings["InstanceRequirements"]
    if (scaling["ScalingMode"] == "Manual") != bool(scaling.get("ScalingPolicies")):
        raise InvalidParameterValueException(
            "ScalingPolicies must be specified when ScalingMode is Manual, and only then."
        )
    if instances.get("AllowedInstanceTypes") and instances.get("ExcludedInstanceTypes"):
        raise InvalidParameterValueException(
            "AllowedInstanceTypes and ExcludedInstanceTypes can not be specified together."
        )
    tags = settings.get("PropagateTags") or {}
    if (tags.get("Mode") == "Explicit") != bool(tags.get("ExplicitTags")):
        raise InvalidParameterValueException(
            "ExplicitTags must be specified when the Mode of PropagateTags is Explicit, and only then."
        )
    return settings


def check_count(present: int) -> None:
    if present >= MOST:
        raise CapacityProviderLimitExceededException(f"The account has reached its limit of {MOST} capacity providers.")


def check_changeable(capacity_provider: CapacityProvider) -> None:
    if capacity_provider.state == DELETING:
        raise ResourceConflictException(
            "The operation cannot be performed at this time. "
            f"The capacity provider is currently in the following state: {capacity_provider.state}"
        )


def check_scaling(config: ScalingConfig) -> None:
    if config.minimum is not None and config.maximum is not None and config.minimum > config.maximum:
        raise InvalidParameterValueException(
            f"MinExecutionEnvironments ({config.minimum}) must not be greater than MaxExecutionEnvironments "
            f"({config.maximum})."
        )


def not_found(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Capacity provider not found: {arn}")


def already_exists(arn: str) -> ResourceConflictException:
    return ResourceConflictException(f"Capacity provider already exists: {arn}")


def in_use(arn: str) -> ResourceConflictException:
    return ResourceConflictException(
        f"Cannot delete the capacity provider {arn} because it is in use by at least one function version."
    )


def not_managed() -> InvalidParameterValueException:
    return InvalidParameterValueException("FunctionScalingConfig isn't supported for Lambda Default functions.")


def cannot_become_managed() -> InvalidParameterValueException:
    return InvalidParameterValueException("CapacityProviderConfig isn't supported for Lambda Default functions.")
