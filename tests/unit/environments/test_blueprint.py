"""What a sandbox is built from: variables, command, mounts, limits."""

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lamplighter.environments.blueprint import Blueprint, PlaceholderCredentials
from lamplighter.environments.faults import Fault
from lamplighter.environments.variables import Credentials, variables
from lamplighter.kernel.limits import Limits
from lamplighter.sandboxes.runtimes.runtime import Runtime
from lamplighter.sandboxes.sandbox import Bind, ProcessExit
from tests.unit.environments.configurations import configuration

PYTHON = Runtime(
    name="python3.12",
    version="3.12.7",
    source="host",
    root=Path("/runtimes/python3.12/rootfs"),
    binds=(Bind(Path("/usr"), "/usr"),),
    argv=("/var/lang/bin/python3.12", "/var/runtime/bootstrap.py", "{handler}"),
    env={"PATH": "/var/lang/bin:/bin", "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12", "PYTHONPATH": "/var/runtime"},
)
PROVIDED = Runtime(
    name="provided.al2023", version="1", source="host", root=Path("/r"), argv=("/var/runtime/bootstrap",)
)
KEYS = Credentials("ASIAX", "secret", "token")


def blueprint(package: Path, runtime: Runtime = PYTHON, layers: tuple[Path, ...] = (), **members: Any) -> Blueprint:
    return Blueprint(configuration(**members), runtime, package, layers, PlaceholderCredentials())


def test_every_variable_that_lambda_sets_is_set() -> None:
    """The names are those of a recording of 2026-02-18; the client itself adds _X_AMZN_TRACE_ID and LC_CTYPE."""
    seen = variables(configuration(), PYTHON.env, "2026/11/21/[$LATEST]abc", KEYS)
    assert seen == {
        "AWS_ACCESS_KEY_ID": "ASIAX",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_NAME": "probe",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/probe",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/21/[$LATEST]abc",
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
        "AWS_REGION": "eu-west-1",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LANG": "en_US.UTF-8",
        "PATH": "/var/lang/bin:/bin",
        "PWD": "/var/task",
        "PYTHONPATH": "/var/runtime",
        "SHLVL": "0",
        "TZ": ":UTC",
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1",
        "_AWS_XRAY_DAEMON_PORT": "2000",
        "_HANDLER": "index.handler",
    }


def test_a_function_overrides_what_lambda_lets_it_and_no_more() -> None:
    own = {"TZ": "Europe/Berlin", "LANG": "C", "AWS_REGION": "mars-1", "_HANDLER": "evil", "GREETING": "hello"}
    seen = variables(configuration(environment=own), PYTHON.env, "s", KEYS)
    assert (seen["TZ"], seen["LANG"], seen["GREETING"]) == ("Europe/Berlin", "C", "hello")
    assert (seen["AWS_REGION"], seen["_HANDLER"]) == ("eu-west-1", "index.handler")


def test_json_logging_is_told_to_the_runtime_client() -> None:
    seen = variables(configuration(log_format="JSON", application_log_level="WARN"), {}, "s", KEYS)
    assert (seen["AWS_LAMBDA_LOG_FORMAT"], seen["AWS_LAMBDA_LOG_LEVEL"]) == ("JSON", "WARN")
    assert "AWS_LAMBDA_LOG_FORMAT" not in variables(configuration(), {}, "s", KEYS)


def test_a_sandbox_gets_the_functions_code_memory_and_share_of_a_core(tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    spec = blueprint(tmp_path, layers=(layer,), memory_size=1769, ephemeral_size=1024).spec("id", "stream")
    assert spec.root == PYTHON.root
    assert spec.binds == (Bind(Path("/usr"), "/usr"), Bind(tmp_path, "/var/task"))
    assert spec.layers == (layer,)
    assert spec.argv == ("/var/lang/bin/python3.12", "/var/runtime/bootstrap.py", "index.handler")
    assert (spec.memory_bytes, spec.cpu_fraction, spec.tmp_bytes) == (1769 * 2**20, 1.0, 2**30)


def test_log_streams_are_named_as_cloudwatch_shows_them(tmp_path: Path) -> None:
    own = blueprint(tmp_path, version="7").log_stream(1_763_683_200, "a" * 32)
    assert own == f"2025/11/21/[7]{'a' * 32}"
    shared = blueprint(tmp_path, log_group="shared").log_stream(1_763_683_200, "a" * 32)
    assert shared == f"2025/11/21/probe[$LATEST]{'a' * 32}"


def test_a_bootstrap_is_looked_for_in_the_package_then_in_the_layers(tmp_path: Path) -> None:
    package, layer = tmp_path / "package", tmp_path / "layer"
    package.mkdir()
    layer.mkdir()
    own = blueprint(package, PROVIDED, (layer,))
    assert own.missing_entrypoint() == Fault(
        "Runtime.InvalidEntrypoint", "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    )
    (layer / "bootstrap").touch()
    assert own.missing_entrypoint() is None
    assert own.argv == ("/opt/bootstrap",)
    (package / "bootstrap").touch()
    assert own.argv == ("/var/task/bootstrap",)


def test_a_managed_runtime_needs_no_bootstrap(tmp_path: Path) -> None:
    assert blueprint(tmp_path).missing_entrypoint() is None


def test_a_wrapper_goes_in_front_of_managed_runtimes_only(tmp_path: Path) -> None:
    wrapped = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}
    assert blueprint(tmp_path, environment=wrapped).argv == ("/opt/wrap", *blueprint(tmp_path).argv)
    (tmp_path / "bootstrap").touch()
    own = blueprint(tmp_path, PROVIDED, environment=wrapped)
    assert own.argv == ("/var/task/bootstrap",)


@pytest.mark.parametrize(("number", "status"), [(errno.ENOENT, 127), (errno.EACCES, 126)])
def test_a_wrapper_that_cannot_run_is_the_shells_exit_status(tmp_path: Path, number: int, status: int) -> None:
    wrapped = blueprint(tmp_path, environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/none"})
    fault = wrapped.ended(ProcessExit(None, None, exec_errno=number))
    assert fault == Fault("Runtime.ExitError", f"Runtime exited with error: exit status {status}")
    assert (
        blueprint(tmp_path).ended(ProcessExit(None, None, exec_errno=number)).error_type == "Runtime.InvalidEntrypoint"
    )


def test_init_has_ten_seconds_and_what_is_prepared_in_advance_130_or_the_functions_timeout(tmp_path: Path) -> None:
    limits = Limits()
    on_demand = blueprint(tmp_path, timeout=300)
    assert on_demand.init_seconds(limits) == 10
    assert replace(on_demand, initialization_type="provisioned-concurrency").init_seconds(limits) == 300
    short = replace(blueprint(tmp_path, timeout=3), initialization_type="provisioned-concurrency")
    assert short.init_seconds(limits) == 130
