"""When a function's runtime may change: Auto, FunctionUpdate, or Manual with the version that is pinned. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html. Wordings are ours: AWS's are not recorded.
"""

from typing import Any

from msgspec.structs import replace

from lamplighter.aws.errors import InvalidParameterValueException
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.functions.names import is_alias
from lamplighter.resources.functions.runtimes import runtime_version_arn

AUTO = "Auto"
MANUAL = "Manual"
_MODE, _VERSION = "UpdateRuntimeOn", "RuntimeVersionArn"


def chosen_mode(configuration: FunctionConfiguration) -> str | None:
    """None where nobody has chosen, which means Auto."""
    mode: str | None = configuration.settings.get(_MODE)
    return mode


def managed(configuration: FunctionConfiguration, mode: str, version_arn: str | None) -> FunctionConfiguration:
    """The configuration with this mode, checked."""
    _check(configuration, mode, version_arn)
    settings = without_management(configuration.settings)
    if mode != AUTO:
        settings[_MODE] = mode
    if version_arn is not None:
        settings[_VERSION] = version_arn
    return replace(configuration, settings=settings)


# Any: what settings hold is the API's own; see FunctionConfiguration.
def without_management(settings: dict[str, Any]) -> dict[str, Any]:
    """Auto again: also what a change of the runtime itself means, since a version of another one can not be pinned."""
    return {member: value for member, value in settings.items() if member not in (_MODE, _VERSION)}


def check_qualifier(qualifier: str | None) -> None:
    if is_alias(qualifier):
        raise InvalidParameterValueException(
            "Runtime management configurations belong to function versions. "
            "Please specify $LATEST or a published version instead of an alias."
        )


def _check(configuration: FunctionConfiguration, mode: str, version_arn: str | None) -> None:
    if configuration.runtime is None:
        raise InvalidParameterValueException(
            "Runtime management configurations are not supported for functions with packageType Image."
        )
    if mode != MANUAL:
        if version_arn is not None:
            raise InvalidParameterValueException(
                f"RuntimeVersionArn can not be specified when UpdateRuntimeOn is {mode}. "
                f"Please set UpdateRuntimeOn to {MANUAL} to use a specific runtime version."
            )
        return
    if version_arn is None:
        raise InvalidParameterValueException(f"RuntimeVersionArn is required when UpdateRuntimeOn is {MANUAL}.")
    offered = runtime_version_arn(configuration.region, configuration.runtime, configuration.architectures[0])
    if version_arn != offered:
        raise InvalidParameterValueException(
            f"The runtime version {version_arn} is not available for the runtime {configuration.runtime}. "
            f"Available: {offered}"
        )
