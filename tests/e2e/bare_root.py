"""Runs a runtime in nothing but its root filesystem: binds, chroot, an unprivileged user; no sandbox driver.

So a failure here is the runtime's fault, never the driver's. The Runtime API is a small server that hands out the
events it was given and keeps what comes back.
"""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

from lamplighter.sandboxes.runtimes.runtime import Runtime

# Mounts are made in a private mount namespace, so they end with the process.
_ENTER = """
set -e
root=$1; shift
mount --make-rprivate /
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
    mount --bind "$1" "$root$2"
    mount -o remount,bind,ro,nosuid "$root$2"
    shift 2
done
shift
mount -t tmpfs tmpfs "$root/tmp"; chmod 1777 "$root/tmp"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
exec chroot --userspec=993:990 "$root" /usr/bin/env -C /var/task "$@"
"""


@dataclass
class RuntimeApi:
    """The events still to be handed out, and what the runtime answered: (path below /runtime/, body)."""

    events: Queue[bytes] = field(default_factory=Queue)
    answers: Queue[tuple[str, Any]] = field(default_factory=Queue)
    port: int = 0


class ApiServer(ThreadingHTTPServer):
    """Serves the Runtime API for one runtime."""

    daemon_threads = True

    def __init__(self, api: RuntimeApi) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.api = api
        api.port = self.server_address[1]


class Exchange(BaseHTTPRequestHandler):
    """One request of the runtime client."""

    server: ApiServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        event = self.server.api.events.get()
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": "11111111-2222-4333-8444-555555555555",
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 60_000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:probe",
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
        }
        self._send(200, headers, event)

    def do_POST(self) -> None:
        body = self._body()
        self.server.api.answers.put((self.path.partition("/runtime/")[2], json.loads(body or b"null")))
        self._send(202, {"Content-Type": "application/json"}, b'{"status":"OK"}')

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def runtime_api() -> Iterator[RuntimeApi]:
    api = RuntimeApi()
    with ApiServer(api) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def running(
    runtime: Runtime, code: Path, handler: str, *, layer: Path | None = None, env: Mapping[str, str] | None = None
) -> Iterator[tuple[RuntimeApi, "subprocess.Popen[str]"]]:
    """The runtime with `code` at /var/task, polling; killed at the end."""
    with runtime_api() as api:
        variables = {
            **runtime.env,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.port}",
            "_HANDLER": handler,
            "AWS_LAMBDA_FUNCTION_NAME": "probe",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/probe",
            "AWS_LAMBDA_LOG_STREAM_NAME": "probe",
            "AWS_REGION": "us-east-1",
            **(env or {}),
        }
        binds = [(str(bind.source), bind.target) for bind in runtime.binds] + [(str(code), "/var/task")]
        binds += [(str(layer), "/opt")] if layer else []
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER, "enter"]
        command += [str(runtime.root), *(part for bind in binds for part in bind), "--", "env", "-i"]
        command += [f"{name}={value}" for name, value in variables.items()]
        command += runtime.command(handler, 128)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            yield api, process
        finally:
            end(process)
            api.events.put(b"{}")
            if process.stdout:
                process.stdout.close()


def end(process: "subprocess.Popen[str]") -> None:
    """Kill the pid namespace's first process (changing the user cleared its death signal), then its parent."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for child in children.read_text().split() if process.poll() is None else ():
        os.kill(int(child), signal.SIGKILL)
    process.kill()
    process.wait()


def invoke(api: RuntimeApi, event: object, timeout: float = 20.0) -> tuple[str, Any]:
    api.events.put(json.dumps(event).encode())
    return api.answers.get(timeout=timeout)


def is_root() -> bool:
    return os.geteuid() == 0
