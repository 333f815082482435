"""From a Create or Update request to a configuration: one member after the other, then what they must be to each other.

Only members that the request holds change anything, so that updating leaves the rest alone. Pure; must not know
where configurations are kept nor how code and layers are looked up.
"""

import hashlib
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from lamplighter.aws.errors import (
    InvalidParameterValueException,
    ResourceNotFoundException,
)
from lamplighter.aws.operation import Request
from lamplighter.kernel.limits import Limits
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.functions.rules import check_environment, check_layers, check_sizes
from lamplighter.resources.functions.runtime_management import without_management
from lamplighter.resources.functions.runtimes import check_runtime, supports_snap_start
from lamplighter.resources.functions.tenancy import refuse_with_tenants

# What AWS keeps as given, and what an empty value of it means: that there is none.
_AS_GIVEN = ("KMSKeyArn", "FileSystemConfigs", "CapacityProviderConfig", "DurableConfig", "RuntimeConfig")
_AS_GIVEN_TOO = ("AcceleratorConfig", "TenancyConfig", "SnapStart")
_PLAIN = {
    "Role": "role",
    "Handler": "handler",
    "Description": "description",
    "Timeout": "timeout",
    "MemorySize": "memory_size",
    "Runtime": "runtime",
}


def configure(configuration: FunctionConfiguration, request: Request, limits: Limits) -> FunctionConfiguration:
    """`configuration` with what `request` says, checked. Layers and code are set by the caller before."""
    # Any: values of different fields.
    changes: dict[str, Any] = {field: request[member] for member, field in _PLAIN.items() if member in request}
    for member, read in _NESTED.items():
        if request.get(member) is not None:
            changes.update(read(configuration, request[member]))
    changes["settings"] = _settings(configuration, request)
    changed = replace(configuration, **changes)
    _check(changed, request, limits)
    return changed


def _check(configuration: FunctionConfiguration, request: Request, limits: Limits) -> None:
    check_references(request)
    if "Runtime" in request and configuration.runtime is not None:
        check_runtime(configuration.runtime)
    _check_package_type(configuration, request)
    if "CapacityProviderConfig" not in configuration.settings:
        check_sizes(configuration.timeout, configuration.memory_size, configuration.ephemeral_size, limits)
    if configuration.environment is not None and "Environment" in request:
        check_environment(configuration.environment, limits)
    _check_snap_start(configuration)
    check_layers(configuration.code, configuration.layers, limits)


def check_references(request: Request) -> None:
    """Refuse what names resources of kinds that there are none of here, with AWS's words for a missing one."""
    runtime = request.get("RuntimeConfig")
    if runtime:
        raise ResourceNotFoundException(f"Runtime not found: {runtime['RuntimeArn']}")
    if request.get("PublishTo"):
        raise InvalidParameterValueException("PublishTo is supported for functions with a capacity provider only.")


def _check_package_type(configuration: FunctionConfiguration, request: Request) -> None:
    if configuration.package_type == "Image":
        if request.get("Runtime") or request.get("Handler") or request.get("Layers"):
            raise InvalidParameterValueException(
                "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
            )
        return
    if not configuration.runtime or not configuration.handler:
        raise InvalidParameterValueException(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    if configuration.settings.get("ImageConfig"):
        raise InvalidParameterValueException(
            "Please don't provide ImageConfig when the intended function PackageType is Zip."
        )


def _check_snap_start(configuration: FunctionConfiguration) -> None:
    if configuration.settings.get("SnapStart", {}).get("ApplyOn", "None") == "None":
        return
    refuse_with_tenants(configuration, "SnapStart")
    if configuration.package_type == "Image":
        raise InvalidParameterValueException("ContainerImage is not supported for SnapStart enabled functions.")
    if configuration.runtime is not None and not supports_snap_start(configuration.runtime):
        raise InvalidParameterValueException(
            f"{configuration.runtime} is not supported for SnapStart enabled functions."
        )


# Any: the API's own nested structures, already validated against the model.
def _settings(configuration: FunctionConfiguration, request: Request) -> dict[str, Any]:
    settings = dict(configuration.settings)
    if request.get("Runtime") not in (None, configuration.runtime):
        settings = without_management(settings)
    for member in (*_AS_GIVEN, *_AS_GIVEN_TOO):
        if request.get(member) is not None:
            settings[member] = request[member]
    if request.get("VpcConfig") is not None:
        settings["VpcConfig"] = _vpc_config(configuration, request["VpcConfig"])
    if request.get("DeadLetterConfig") is not None:
        target = request["DeadLetterConfig"].get("TargetArn")
        settings["DeadLetterConfig"] = {"TargetArn": target} if target else None
    if request.get("ImageConfig") is not None:
        settings["ImageConfig"] = {member: value for member, value in request["ImageConfig"].items() if value}
    return {member: value for member, value in settings.items() if value}


def _vpc_config(configuration: FunctionConfiguration, given: dict[str, Any]) -> dict[str, Any]:
    """The VPC's id is derived: there is one VPC per account and region here, whatever the subnets are called."""
    subnets = list(given.get("SubnetIds") or ())
    digest = hashlib.sha256(f"{configuration.account_id}/{configuration.region}".encode()).hexdigest()
    return {
        "SubnetIds": subnets,
        "SecurityGroupIds": list(given.get("SecurityGroupIds") or ()),
        "VpcId": f"vpc-{digest[:17]}" if subnets else "",
        "Ipv6AllowedForDualStack": bool(given.get("Ipv6AllowedForDualStack")),
    }


def _environment(configuration: FunctionConfiguration, given: dict[str, Any]) -> dict[str, Any]:
    variables = given.get("Variables")
    if variables is None and configuration.environment is None:
        return {}
    return {"environment": dict(variables or {})}


def _logging(configuration: FunctionConfiguration, given: dict[str, Any]) -> dict[str, Any]:
    """Levels exist in JSON only, INFO unless said otherwise; what a partial update leaves out stays."""
    log_format = given.get("LogFormat") or configuration.log_format
    application, system = given.get("ApplicationLogLevel"), given.get("SystemLogLevel")
    changes = {"log_format": log_format, "log_group": given.get("LogGroup") or configuration.log_group}
    if log_format == "JSON":
        changes["application_log_level"] = application or configuration.application_log_level or "INFO"
        changes["system_log_level"] = system or configuration.system_log_level or "INFO"
        return changes
    if application or system:
        raise InvalidParameterValueException(
            'LogLevel is not supported when LogFormat is set to "Text". '
            'Remove LogLevel from your request or change the LogFormat to "Json" and try again.'
        )
    return {**changes, "application_log_level": None, "system_log_level": None}


def _tracing(configuration: FunctionConfiguration, given: dict[str, Any]) -> dict[str, Any]:
    return {"tracing_mode": given.get("Mode") or configuration.tracing_mode}


def _ephemeral(configuration: FunctionConfiguration, given: dict[str, Any]) -> dict[str, Any]:
    return {"ephemeral_size": given.get("Size") or configuration.ephemeral_size}


def _architectures(_configuration: FunctionConfiguration, given: list[str]) -> dict[str, Any]:
    return {"architectures": tuple(given)}


_NESTED: dict[str, Callable[[FunctionConfiguration, Any], dict[str, Any]]] = {
    "Environment": _environment,
    "LoggingConfig": _logging,
    "TracingConfig": _tracing,
    "EphemeralStorage": _ephemeral,
    "Architectures": _architectures,
}
