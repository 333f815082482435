"""The runtimes that AWS accepts for new and updated functions, and how it words the refusal of others. Pure."""

import hashlib

from lamplighter.aws.errors import InvalidParameterValueException
from lamplighter.kernel.arn import partition_of

# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html#runtimes-deprecated, "block function update" passed.
DEPRECATED = frozenset(
    {"dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1", "go1.x", "java8", "nodejs", "nodejs4.3"}
    | {"nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x", "provided"}
    | {"python2.7", "python3.6", "python3.7", "ruby2.5", "ruby2.7"}
)

# What AWS prints when it knows no such runtime, in its own unordered order (recorded 2026-01-12).
_PRINTED = (
    "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, "
    "python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, "
    "java11, dotnet6, nodejs18.x, provided.al2, java8.al2"
)
# Runtimes that came after that recording: accepted, though AWS's printed set of the day does not name them.
_NEWER = frozenset({"nodejs26.x", "python3.15", "java8.al2023", "java11.al2023", "java17.al2023", "ruby4.0", "custom"})
SUPPORTED = frozenset(_PRINTED.split(", ")) | _NEWER

_SNAP_START_WITHOUT = frozenset({"java8.al2", "java8.al2023", "dotnet6", "python3.8", "python3.9", "python3.10"})
_SNAP_START_FAMILIES = ("java", "python", "dotnet")


def check_runtime(runtime: str) -> None:
    """Refuse runtimes that AWS no longer accepts or has never heard of."""
    if runtime in DEPRECATED:
        raise InvalidParameterValueException(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        )
    if runtime not in SUPPORTED:
        raise InvalidParameterValueException(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{_PRINTED}] or be a valid ARN"
        )


def supports_snap_start(runtime: str) -> bool:
    """Whether AWS takes snapshots of this runtime: Java from 11, Python from 3.12, .NET from 8."""
    if runtime == "python3.11" or runtime in _SNAP_START_WITHOUT:
        return False
    return runtime.startswith(_SNAP_START_FAMILIES)


def runtime_version_arn(region: str, runtime: str, architecture: str) -> str:
    """The version of the runtime in use. There is one of each here, named after runtime and architecture."""
    version = hashlib.sha256(f"{runtime} {architecture}".encode()).hexdigest()
    return f"arn:{partition_of(region)}:lambda:{region}::runtime:{version}"
