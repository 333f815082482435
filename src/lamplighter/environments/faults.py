"""Why an environment failed, in the words that AWS reports: error type, message, and the JSON payload for the caller.

Each fault says whose it is by its prefix: Runtime (the function's process), Function, Sandbox, Extension. Pure.
"""

import os
import re
import signal
from dataclasses import dataclass

import msgspec

from lamplighter.sandboxes.sandbox import ProcessExit

RUNTIME_EXIT = "Runtime.ExitError"
RUNTIME_OUT_OF_MEMORY = "Runtime.OutOfMemory"
RUNTIME_INVALID_ENTRYPOINT = "Runtime.InvalidEntrypoint"
RUNTIME_INVALID_RESPONSE_MODE = "Runtime.InvalidResponseModeHeader"
RUNTIME_TRUNCATED_RESPONSE = "Runtime.TruncatedResponse"
RUNTIME_UNKNOWN = "Runtime.Unknown"
FUNCTION_UNKNOWN = "Function.Unknown"
FUNCTION_RESPONSE_TOO_LARGE = "Function.ResponseSizeTooLarge"
SANDBOX_TIMED_OUT = "Sandbox.Timedout"
SANDBOX_FAILURE = "Sandbox.Failure"

_WITHOUT_REQUEST_ID = (FUNCTION_RESPONSE_TOO_LARGE, RUNTIME_TRUNCATED_RESPONSE)
_VALID_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")
_LONGEST_TYPE = 1024  # it goes into logs, telemetry and answers

# The names that Go's os/exec, and so Lambda, prints for signals.
_SIGNAL_NAMES = {
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGHUP: "hangup",
    signal.SIGILL: "illegal instruction",
    signal.SIGINT: "interrupt",
    signal.SIGKILL: "killed",
    signal.SIGPIPE: "broken pipe",
    signal.SIGQUIT: "quit",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGSYS: "bad system call",
    signal.SIGTERM: "terminated",
    signal.SIGTRAP: "trace/breakpoint trap",
    signal.SIGXCPU: "CPU time limit exceeded",
    signal.SIGXFSZ: "file size limit exceeded",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure of init or invoke. `body` is set when the runtime reported the failure itself; it passes unchanged."""

    error_type: str
    message: str
    body: bytes | None = None

    @property
    def is_timeout(self) -> bool:
        return self.error_type == SANDBOX_TIMED_OUT

    def payload(self, request_id: str) -> bytes:
        """The body of the answer to the invoke that suffered it."""
        if self.body is not None:
            return self.body
        if self.error_type in _WITHOUT_REQUEST_ID:
            return msgspec.json.encode({"errorMessage": self.message, "errorType": self.error_type})
        message = f"RequestId: {request_id} Error: {self.message}"
        return msgspec.json.encode({"errorType": self.error_type, "errorMessage": message})


def exit_reason(ended: ProcessExit) -> str:
    """How a process ended, in Go's words."""
    if ended.signal is not None:
        name = _SIGNAL_NAMES.get(ended.signal) or f"signal {ended.signal}"  # type: ignore[call-overload]  # int keys
        return f"signal: {name}"
    return f"exit status {ended.code}"


def process_ended(ended: ProcessExit, program: str) -> Fault:
    """The runtime's process ended when it should not have, or `program` could not be executed at all."""
    if ended.exec_errno:
        return Fault(RUNTIME_INVALID_ENTRYPOINT, f"fork/exec {program}: {os.strerror(ended.exec_errno).lower()}")
    if ended.is_out_of_memory:
        return Fault(RUNTIME_OUT_OF_MEMORY, "Runtime exited with error: signal: killed")
    if ended.signal is not None or ended.code:
        return Fault(RUNTIME_EXIT, f"Runtime exited with error: {exit_reason(ended)}")
    return Fault(RUNTIME_EXIT, "Runtime exited without providing a reason")


def timed_out(timeout_seconds: float) -> Fault:
    return Fault(SANDBOX_TIMED_OUT, f"Task timed out after {timeout_seconds:.2f} seconds")


def response_too_large(limit: int) -> Fault:
    message = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
    return Fault(FUNCTION_RESPONSE_TOO_LARGE, message)


def response_truncated() -> Fault:
    return Fault(RUNTIME_TRUNCATED_RESPONSE, "Response payload was truncated: the runtime closed its connection.")


def reported_type(header: str) -> str:
    """The error type a runtime sent in Lambda-Runtime-Function-Error-Type, as AWS accepts it."""
    if len(header) <= _LONGEST_TYPE and _VALID_TYPE.search(header):
        return header
    return FUNCTION_UNKNOWN if header.startswith("Function.") else RUNTIME_UNKNOWN
