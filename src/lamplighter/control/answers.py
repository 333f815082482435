"""How a function's configuration looks in AWS's answers: which keys there are, and which are left out when empty.

Follows answers recorded on AWS (2025-11 and 2026-01). Must not know storage.
"""

from datetime import UTC, datetime
from typing import Any

from lamplighter.aws.operation import Response
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.functions.names import LATEST
from lamplighter.resources.functions.runtimes import runtime_version_arn

# List operations leave out what changes by itself.
_NOT_LISTED = frozenset(
    {"State", "StateReason", "StateReasonCode", "LastUpdateStatus", "LastUpdateStatusReason"}
    | {"LastUpdateStatusReasonCode", "RuntimeVersionConfig"}
)
_SHOWN_AS_GIVEN = (
    "VpcConfig",
    "DeadLetterConfig",
    "KMSKeyArn",
    "FileSystemConfigs",
    "TenancyConfig",
    "CapacityProviderConfig",
    "DurableConfig",
    "RuntimeConfig",
    "AcceleratorConfig",
    "SigningProfileVersionArn",
    "SigningJobArn",
)


def configuration_answer(configuration: FunctionConfiguration, *, arn: str | None = None) -> Response:
    """A FunctionConfiguration as AWS answers it; `arn` where it is not the unqualified one."""
    answer: Response = {
        "FunctionName": configuration.name,
        "FunctionArn": arn or configuration.arn,
        "Runtime": configuration.runtime,
        "Role": configuration.role,
        "Handler": configuration.handler,
        "CodeSize": configuration.code.size,
        "Description": configuration.description,
        "Timeout": configuration.timeout,
        "MemorySize": configuration.memory_size,
        "LastModified": last_modified(configuration.modified_at),
        "CodeSha256": configuration.code.sha256,
        "Version": configuration.version,
        "Environment": None if configuration.environment is None else {"Variables": configuration.environment},
        "TracingConfig": {"Mode": configuration.tracing_mode},
        "RevisionId": configuration.revision_id,
        "Layers": [{"Arn": layer.arn, "CodeSize": layer.code.size} for layer in configuration.layers] or None,
        "State": configuration.state,
        "StateReason": configuration.state_reason,
        "StateReasonCode": configuration.state_reason_code,
        "LastUpdateStatus": configuration.last_update_status,
        "LastUpdateStatusReason": configuration.last_update_status_reason,
        "LastUpdateStatusReasonCode": configuration.last_update_status_reason_code,
        "PackageType": configuration.package_type,
        "Architectures": list(configuration.architectures),
        "EphemeralStorage": {"Size": configuration.ephemeral_size},
        "SnapStart": _snap_start(configuration),
        "RuntimeVersionConfig": _runtime_version(configuration),
        "LoggingConfig": _logging(configuration),
        "ImageConfigResponse": _image_config(configuration),
    }
    answer.update((member, configuration.settings.get(member)) for member in _SHOWN_AS_GIVEN)
    return {member: value for member, value in answer.items() if value is not None}


def listed_answer(configuration: FunctionConfiguration, *, qualified: bool) -> Response:
    """The same as an item of a list."""
    answer = configuration_answer(configuration, arn=configuration.qualified_arn if qualified else None)
    return {member: value for member, value in answer.items() if member not in _NOT_LISTED}


def last_modified(seconds: float) -> str:
    """A time as most of Lambda writes it: milliseconds, and UTC as +0000."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def _snap_start(configuration: FunctionConfiguration) -> dict[str, str]:
    apply_on = configuration.settings.get("SnapStart", {}).get("ApplyOn", "None")
    is_optimised = apply_on == "PublishedVersions" and configuration.version != LATEST
    return {
        "ApplyOn": apply_on,
        "OptimizationStatus": "On" if is_optimised and configuration.state == "Active" else "Off",
    }


def _runtime_version(configuration: FunctionConfiguration) -> dict[str, str] | None:
    if configuration.runtime is None:
        return None
    chosen = configuration.settings.get("RuntimeVersionArn")
    derived = runtime_version_arn(configuration.region, configuration.runtime, configuration.architectures[0])
    return {"RuntimeVersionArn": chosen or derived}


def _logging(configuration: FunctionConfiguration) -> dict[str, str]:
    answer = {"LogFormat": configuration.log_format, "LogGroup": configuration.log_group}
    if configuration.application_log_level is not None:
        answer["ApplicationLogLevel"] = configuration.application_log_level
    if configuration.system_log_level is not None:
        answer["SystemLogLevel"] = configuration.system_log_level
    return answer


# Any: the API's own nested structure.
def _image_config(configuration: FunctionConfiguration) -> dict[str, Any] | None:
    image_config = configuration.settings.get("ImageConfig")
    return {"ImageConfig": image_config} if image_config else None
