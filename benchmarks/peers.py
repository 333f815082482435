"""Other local Lambdas without Docker, as they come from their registries, with the same function and the same load.

Installed into .cache/peers by `scripts/bench warm --peers`; what cannot be installed is left out and said so. They
listen on the loopback address only, and each has its own output file.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.options import Options
from benchmarks.server import ECHO, ROLE, Keys, client_of, invoke_request, zipped

HOME = Path(__file__).parents[1]
CACHE = HOME / ".cache/peers"
MINISTACK = "1.5.33"
OFFLINE = ("serverless-offline@14.8.2", "osls@4.3.1")
START_SECONDS = 60
SERVERLESS = """\
service: bench
frameworkVersion: "*"
provider: {{name: aws, runtime: {runtime}}}
plugins: [serverless-offline]
functions: {{echo: {{handler: echo.handler}}}}
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A running peer and its function's name."""

    name: str
    port: int
    pid: int
    function: str
    host: str = "127.0.0.1"

    def request(self) -> bytes:
        return invoke_request(Keys(f"http://{self.host}:{self.port}", "test", "test", "us-east-1"), self.function)


@contextmanager
def running_peers(folder: Path, options: Options) -> Iterator[list[Peer]]:
    """Every peer that could be installed, started."""
    with ExitStack() as stack:
        peers = []
        for start in (_ministack, _serverless_offline) if options.with_peers else ():
            try:
                peers.append(start(stack, folder, options))
            except (OSError, subprocess.SubprocessError, RuntimeError) as error:
                print(f"left out: {start.__name__.strip('_')}: {error}", file=sys.stderr)
        yield peers


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _run(*command: str, cwd: Path = HOME) -> None:
    subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=600, check=True)


def _start(stack: ExitStack, output: Path, command: list[str], cwd: Path, environment: dict[str, str]) -> int:
    with output.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def end() -> None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=5)

    stack.callback(end)
    return process.pid


def _wait_for(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not start within {START_SECONDS} s")
        time.sleep(0.1)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _ministack(stack: ExitStack, folder: Path, options: Options) -> Peer:
    home = CACHE / f"ministack-{MINISTACK}"
    if not (home / "bin/ministack").exists():
        _run("uv", "venv", "--quiet", "--python", sys.executable, str(home))
        _run("uv", "pip", "install", "--quiet", "--python", str(home / "bin/python"), f"ministack=={MINISTACK}")
    port = _free_port()
    environment = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    pid = _start(stack, folder / "ministack.log", [str(home / "bin/ministack")], folder, environment)
    _wait_for(lambda: _listens(port), "ministack")
    client = client_of(Keys(f"http://127.0.0.1:{port}", "test", "test", "us-east-1"))
    code = {"ZipFile": zipped({"echo.py": ECHO})}
    client.create_function(FunctionName="echo", Runtime=options.runtime, Role=ROLE, Handler="echo.handler", Code=code)
    return Peer("ministack", port, pid, "echo")


def _serverless_offline(stack: ExitStack, folder: Path, options: Options) -> Peer:
    home = CACHE / "serverless-offline"
    program = home / "node_modules/.bin/sls"
    if not program.exists():
        if shutil.which("npm") is None:
            raise RuntimeError("npm is not installed")
        home.mkdir(parents=True, exist_ok=True)
        _run("npm", "install", "--prefix", str(home), "--no-audit", "--no-fund", *OFFLINE)
    service = home / "service"
    service.mkdir(exist_ok=True)
    (service / "serverless.yml").write_text(SERVERLESS.format(runtime=options.runtime))
    (service / "echo.py").write_text(ECHO)
    port = _free_port()
    command = [
        str(program),
        "offline",
        "--host",
        "127.0.0.1",
        "--httpPort",
        str(_free_port()),
        "--lambdaPort",
        str(port),
    ]
    pid = _start(stack, folder / "serverless-offline.log", command, service, {"SLS_DEPRECATION_DISABLE": "*"})
    _wait_for(lambda: _listens(port), "serverless-offline")
    return Peer("serverless-offline", port, pid, "bench-dev-echo")
