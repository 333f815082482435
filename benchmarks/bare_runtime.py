"""The same runtime client as in a sandbox, as a bare subprocess: no isolation, no limits, the host's paths.

This is what a runtime costs when the platform costs nothing: for warm windows it talks to the stub Runtime API, for
cold starts it is timed from its spawn to its first `/next`.
"""

import os
import signal
import subprocess
from pathlib import Path

from lamplighter.sandboxes.runtimes.runtime import Runtime

MEMORY_MIB = 512


def host_path(runtime: Runtime, path: str) -> str:
    """Where a path inside the runtime's root lies on this machine."""
    for bind in reversed(runtime.binds):
        if path == bind.target or path.startswith(bind.target + "/"):
            return str(bind.source) + path.removeprefix(bind.target)
    inside = Path(f"{runtime.root}{path}")
    if inside.is_symlink() and inside.readlink().is_absolute():
        return host_path(runtime, str(inside.readlink()))
    return str(inside)


def _mapped(runtime: Runtime, text: str, task_root: Path) -> str:
    """A word of the command line with the host's paths: alone, in a list (a class path) or after `=` (a property)."""
    name, equals, value = text.rpartition("=")
    if not value.startswith("/"):
        return text
    parts = [str(task_root) if part == "/var/task" else host_path(runtime, part) for part in value.split(":")]
    return name + equals + ":".join(parts)


def environment(runtime: Runtime, port: int, task_root: Path, handler: str) -> dict[str, str]:
    """The variables a runtime client reads, with the host's paths in its search paths."""
    search = {
        name: ":".join(_mapped(runtime, part, task_root) for part in runtime.env[name].split(":"))
        for name in ("PYTHONPATH", "NODE_PATH")
        if name in runtime.env
    }
    return {
        "PATH": os.environ["PATH"],
        "LANG": runtime.env.get("LANG", "C.UTF-8"),
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "LAMBDA_TASK_ROOT": str(task_root),
        "_HANDLER": handler,
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "echo",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MIB),
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/echo",
        "AWS_LAMBDA_LOG_STREAM_NAME": "bare",
        **search,
    }


class BareRuntime:
    """One running client; `end` kills it and everything it started."""

    def __init__(self, runtime: Runtime, port: int, task_root: Path, handler: str) -> None:
        argv = [_mapped(runtime, word, task_root) for word in runtime.command(handler, MEMORY_MIB)]
        self._process = subprocess.Popen(
            argv,
            cwd=task_root,
            env=environment(runtime, port, task_root, handler),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.pid = self._process.pid

    def end(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=5)
