"""The environment variables that a function sees: Lambda's own, the runtime's, and the function's.

Lambda's reserved names win over the function's; names that Lambda lets a function override (LANG, PATH, TZ, ...) lose
to it. Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html and a recording of 2026-02-18.
Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lamplighter.resources.functions.model import FunctionConfiguration

RUNTIME_API_ADDRESS = "127.0.0.1:9001"

# PATH and LD_LIBRARY_PATH come from the runtime, which knows its root filesystem.
_OVERRIDABLE = {"TZ": ":UTC", "LANG": "en_US.UTF-8", "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR", "SHLVL": "0"}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the function signs its calls with: a session of its execution role."""

    access_key_id: str
    secret_access_key: str
    session_token: str


# What Lambda keeps from external extensions.
# https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
_NOT_FOR_EXTENSIONS = frozenset(
    {
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_AWS_XRAY_DAEMON_ADDRESS",
        "_AWS_XRAY_DAEMON_PORT",
        "_HANDLER",
    }
)


def metadata_variables(token: str, metadata_api: str = RUNTIME_API_ADDRESS) -> dict[str, str]:
    """Where an environment asks about itself. The token is its own, made anew for each."""
    return {"AWS_LAMBDA_METADATA_API": metadata_api, "AWS_LAMBDA_METADATA_TOKEN": token}


def extension_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """What an external extension sees of its environment's variables."""
    return {name: value for name, value in environment.items() if name not in _NOT_FOR_EXTENSIONS}


def variables(
    configuration: FunctionConfiguration,
    runtime_env: Mapping[str, str],
    log_stream: str,
    credentials: Credentials,
    runtime_api: str = RUNTIME_API_ADDRESS,
    initialization_type: str = "on-demand",
) -> dict[str, str]:
    """Every variable of the environment, in the order of who wins last."""
    return {
        **_OVERRIDABLE,
        **runtime_env,
        **(configuration.environment or {}),
        **_reserved(configuration, runtime_env, log_stream, credentials, runtime_api),
        "AWS_LAMBDA_INITIALIZATION_TYPE": initialization_type,
    }


def _reserved(
    configuration: FunctionConfiguration,
    runtime_env: Mapping[str, str],
    log_stream: str,
    credentials: Credentials,
    runtime_api: str,
) -> dict[str, str]:
    reserved = {
        "_HANDLER": configuration.handler or "",
        "AWS_REGION": configuration.region,
        "AWS_DEFAULT_REGION": configuration.region,
        "AWS_EXECUTION_ENV": runtime_env.get("AWS_EXECUTION_ENV", f"AWS_Lambda_{configuration.runtime}"),
        "AWS_LAMBDA_FUNCTION_NAME": configuration.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory_size),
        "AWS_LAMBDA_FUNCTION_VERSION": configuration.version,
        "AWS_LAMBDA_LOG_GROUP_NAME": configuration.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1",
        "_AWS_XRAY_DAEMON_PORT": "2000",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "PWD": "/var/task",
    }
    if configuration.log_format == "JSON":
        reserved["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        reserved["AWS_LAMBDA_LOG_LEVEL"] = configuration.application_log_level or "INFO"
    if configuration.runtime and configuration.runtime.startswith("provided"):
        # A custom runtime is told nothing about an execution environment of AWS's making.
        reserved.pop("AWS_EXECUTION_ENV")
    return reserved
