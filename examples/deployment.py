"""What the examples' deploy scripts share: build a package, create or update the function, invoke it. Plain boto3.

Nothing here is particular to lamplighter: with AWS's credentials, no endpoint and a real role it deploys to AWS.
"""

import base64
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import boto3

ROLE = os.environ.get("LAMBDA_ROLE", "arn:aws:iam::000000000000:role/lambda-example")
PLATFORM = {"x86_64": "manylinux2014_x86_64", "aarch64": "manylinux2014_aarch64"}


def lambda_client() -> Any:
    """A client for the endpoint, keys and region of the environment (`eval "$(lamplighter env)"`)."""
    return boto3.client("lambda", region_name=os.environ.get("AWS_REGION", "us-east-1"))


def package(sources: list[Path], requirements: Path | None = None, runtime: str = "") -> bytes:
    """A zip with `sources` at its top and, for Python, the `requirements` installed for `runtime`."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if requirements is not None:
            _install(requirements, runtime.removeprefix("python"), folder)
        for source in sources:
            target = folder / source.name
            target.write_bytes(source.read_bytes())
            target.chmod(source.stat().st_mode)
        return _zip(folder)


def _install(requirements: Path, version: str, folder: Path) -> None:
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    argv += ["--root-user-action=ignore", "--target", str(folder), "--requirement", str(requirements)]
    argv += ["--only-binary=:all:", "--implementation", "cp", "--python-version", version]
    argv += ["--platform", PLATFORM[os.uname().machine]]
    subprocess.run(argv, check=True)
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        # A function's code is read-only: what is not compiled here is compiled again at every cold start.
        compile_all = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
        subprocess.run([*compile_all, "-s", str(folder), "-p", "/var/task", str(folder)], check=True)


def _zip(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(str(path.relative_to(folder)), (2024, 1, 1, 0, 0, 0))
                entry.external_attr = (path.stat().st_mode & 0o777 | 0o444) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def deploy(client: Any, name: str, code: bytes, **settings: Any) -> None:
    """Create the function, or bring an existing one up to date; return when it is active."""
    try:
        client.create_function(FunctionName=name, Role=ROLE, Code={"ZipFile": code}, **settings)
    except client.exceptions.ResourceConflictException:
        client.update_function_code(FunctionName=name, ZipFile=code)
        client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        client.update_function_configuration(FunctionName=name, **settings)
        client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})


def invoke(client: Any, name: str, event: object) -> Any:
    """The function's answer; its log and an exit when it failed."""
    started = time.perf_counter()
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
    milliseconds = (time.perf_counter() - started) * 1000
    log = base64.b64decode(answer.get("LogResult", "")).decode()
    payload = json.load(answer["Payload"])
    if "FunctionError" in answer:
        sys.exit(f"{name} failed: {json.dumps(payload, indent=2)}\n{log}")
    report = next((line for line in log.splitlines() if line.startswith("REPORT")), "")
    print(f"{name} answered in {milliseconds:.0f} ms. {' '.join(report.split()[3:])}")
    return payload
