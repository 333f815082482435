"""What AWS refuses about functions beyond its model's patterns, and when a function may change. Pure."""

import base64
import json
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from lamplighter.aws.errors import (
    CodeStorageExceededException,
    InvalidParameterValueException,
    PreconditionFailedException,
    RequestEntityTooLargeException,
    ResourceConflictException,
    ValidationException,
)
from lamplighter.kernel.limits import Limits
from lamplighter.resources.functions.model import CodeReference, FunctionConfiguration, LayerReference

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
RESERVED_ENVIRONMENT = frozenset(
    {"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"}
    | {"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"}
    | {"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"}
    | {"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API"}
    | {"LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"}
)
_CREATING = "The function is being created."


def check_environment(variables: Mapping[str, str], limits: Limits) -> None:
    """Refuse reserved names and more than 4 KB, measured as compact JSON as AWS does."""
    refused = "Lambda was unable to configure your environment variables because the environment variables you have"
    reserved = [name for name in variables if name in RESERVED_ENVIRONMENT]
    if reserved:
        raise InvalidParameterValueException(
            f"{refused} provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(dict(variables), separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > limits.environment_bytes:
        raise InvalidParameterValueException(f"{refused} provided exceeded the 4KB limit. String measured: {measured}")


def check_sizes(timeout: int, memory: int, ephemeral: int, limits: Limits) -> None:
    """The quotas of ordinary functions; the model's wider ones are those of managed instances."""
    found = [
        f"Value '{value}' at '{member}' failed to satisfy constraint: "
        f"Member must have value less than or equal to {most}"
        for member, value, most in (
            ("timeout", timeout, limits.timeout_seconds),
            ("memorySize", memory, limits.memory_mib_maximum),
            ("ephemeralStorage.size", ephemeral, limits.ephemeral_mib_maximum),
        )
        if value > most
    ]
    if found:
        plural = "s" if len(found) > 1 else ""
        raise ValidationException(f"{len(found)} validation error{plural} detected: {'; '.join(found)}")


def check_zip_size(size: int, limits: Limits) -> None:
    if size > limits.zipped_code_bytes:
        raise RequestEntityTooLargeException(f"Zipped size must be smaller than {limits.zipped_code_bytes} bytes")


def check_unzipped_size(size: int, limits: Limits) -> None:
    if size >= limits.unzipped_code_bytes:
        raise InvalidParameterValueException(f"Unzipped size must be smaller than {limits.unzipped_code_bytes} bytes")


def check_layers(code: CodeReference, layers: Sequence[LayerReference], limits: Limits) -> None:
    """At most five layers, and all together within what one environment may unpack."""
    if len(layers) > limits.layers_per_function:
        raise InvalidParameterValueException(f"Cannot reference more than {limits.layers_per_function} layers.")
    if not layers:
        return
    total = code.unzipped_size + sum(layer.code.unzipped_size for layer in layers)
    if total > limits.unzipped_code_bytes:
        raise InvalidParameterValueException(
            f"Function code combined with layers exceeds the maximum allowed size of {limits.unzipped_code_bytes} "
            f"bytes. The actual size is {total} bytes."
        )


def check_code_storage(used: int, added: int, limits: Limits) -> None:
    if used + added > limits.total_code_bytes:
        raise CodeStorageExceededException("Code storage limit exceeded.")


def check_revision(given: str | None, current: str) -> None:
    """A RevisionId in a request must be that of what it changes."""
    if given and given != current:
        raise PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id. "
            "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
        )


def check_changeable(latest: FunctionConfiguration) -> None:
    """A function changes one step at a time."""
    if latest.state == "Pending":
        raise pending(latest)
    if latest.last_update_status == "InProgress":
        raise ResourceConflictException(
            f"The operation cannot be performed at this time. An update is in progress for resource: {latest.arn}"
        )


def pending(configuration: FunctionConfiguration) -> ResourceConflictException:
    return ResourceConflictException(
        "The operation cannot be performed at this time. "
        f"The function is currently in the following state: {configuration.state}"
    )


def is_json_object_in_base64(text: str) -> bool:
    """What a client context must be."""
    try:
        return isinstance(json.loads(base64.b64decode(text, validate=True)), dict)
    except ValueError:
        return False


# --- states


def begin_creation(configuration: FunctionConfiguration) -> FunctionConfiguration:
    """Pending, until the reconciler has prepared the code."""
    return replace(configuration, state="Pending", state_reason=_CREATING, state_reason_code="Creating")


def begin_update(configuration: FunctionConfiguration) -> FunctionConfiguration:
    """InProgress. AWS words the reason of an update like that of a creation."""
    return replace(
        configuration,
        last_update_status="InProgress",
        last_update_status_reason=_CREATING,
        last_update_status_reason_code="Creating",
    )


def settle(configuration: FunctionConfiguration, revision_id: str) -> FunctionConfiguration:
    """Active and Successful: the end of a creation or an update. $LATEST of a managed function never runs itself."""
    is_managed = "CapacityProviderConfig" in configuration.settings
    return replace(
        configuration,
        revision_id=revision_id,
        state="ActiveNonInvocable" if is_managed else "Active",
        state_reason=None,
        state_reason_code=None,
        last_update_status="Successful",
        last_update_status_reason=None,
        last_update_status_reason_code=None,
    )


def fail(configuration: FunctionConfiguration, revision_id: str, reason: str, code: str) -> FunctionConfiguration:
    """The code cannot be prepared: a creation ends Failed, an update leaves what was Active before."""
    if configuration.state == "Pending":
        return replace(
            configuration,
            revision_id=revision_id,
            state="Failed",
            state_reason=reason,
            state_reason_code=code,
            last_update_status="Failed",
            last_update_status_reason=reason,
            last_update_status_reason_code=code,
        )
    return replace(
        configuration,
        revision_id=revision_id,
        last_update_status="Failed",
        last_update_status_reason=reason,
        last_update_status_reason_code=code,
    )


def check_reserved_concurrency(reserved: int, limits: Limits) -> None:
    """What all functions reserve together must leave the account its minimum."""
    if reserved > limits.concurrent_executions - limits.unreserved_concurrency_minimum:
        raise InvalidParameterValueException(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{limits.unreserved_concurrency_minimum}]."
        )


def takes_snapshot(configuration: FunctionConfiguration) -> bool:
    """Whether environments of this version are made of an initialised one: SnapStart, which $LATEST never has."""
    apply_on = configuration.settings.get("SnapStart", {}).get("ApplyOn")
    return configuration.version != "$LATEST" and apply_on == "PublishedVersions"
