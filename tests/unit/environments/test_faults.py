"""Failures in AWS's words. Payloads recorded on AWS on 2025-11-24/25 (LocalStack's snapshots, Apache-2.0)."""

import errno
import json

import pytest

from lamplighter.environments import faults
from lamplighter.environments.faults import Fault, process_ended, reported_type, response_too_large, timed_out
from lamplighter.sandboxes.sandbox import ProcessExit


@pytest.mark.parametrize(
    ("ended", "error_type", "message"),
    [
        (ProcessExit(0, None), "Runtime.ExitError", "Runtime exited without providing a reason"),
        (ProcessExit(1, None), "Runtime.ExitError", "Runtime exited with error: exit status 1"),
        (ProcessExit(127, None), "Runtime.ExitError", "Runtime exited with error: exit status 127"),
        (ProcessExit(None, 11), "Runtime.ExitError", "Runtime exited with error: signal: segmentation fault"),
        (ProcessExit(None, 9), "Runtime.ExitError", "Runtime exited with error: signal: killed"),
        (
            ProcessExit(None, 9, is_out_of_memory=True),
            "Runtime.OutOfMemory",
            "Runtime exited with error: signal: killed",
        ),
        (ProcessExit(None, 40), "Runtime.ExitError", "Runtime exited with error: signal: signal 40"),
        (
            ProcessExit(None, None, exec_errno=errno.ENOEXEC),
            "Runtime.InvalidEntrypoint",
            "fork/exec /var/task/bootstrap: exec format error",
        ),
    ],
)
def test_the_end_of_a_runtime_is_named_as_lambda_names_it(ended: ProcessExit, error_type: str, message: str) -> None:
    assert process_ended(ended, "/var/task/bootstrap") == Fault(error_type, message)


def test_a_timeout_tells_the_configured_seconds() -> None:
    payload = timed_out(1).payload("11111111-2222-4333-8444-555555555555")
    assert payload == (
        b'{"errorType":"Sandbox.Timedout",'
        b'"errorMessage":"RequestId: 11111111-2222-4333-8444-555555555555 Error: Task timed out after 1.00 seconds"}'
    )
    assert timed_out(1).is_timeout


def test_an_oversized_response_has_no_request_id_in_its_message() -> None:
    assert json.loads(response_too_large(6291556).payload("ignored")) == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }


def test_an_error_that_the_runtime_reported_passes_unchanged() -> None:
    body = b'{"errorMessage": "m", "errorType": "Exception", "requestId": "", "stackTrace": []}'
    assert Fault("Runtime.ImportModuleError", "", body).payload("ignored") is body


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("Runtime.ImportModuleError", "Runtime.ImportModuleError"),
        ("Function.Custom", "Function.Custom"),
        ("Function.lower", faults.FUNCTION_UNKNOWN),
        ("Exception", faults.RUNTIME_UNKNOWN),
        ("", faults.RUNTIME_UNKNOWN),
    ],
)
def test_error_types_of_a_runtime_are_taken_only_in_aws_form(header: str, accepted: str) -> None:
    assert reported_type(header) == accepted
