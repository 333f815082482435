"""Runtimes of the operator's own: .NET in a directory that somebody brings, added by the command line and run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from tests.e2e.bare_root import invoke, is_root, running
from tests.e2e.runtime_probes import SHELL_PROBE, write

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: mounts and chroot")]

LAMPLIGHTER = Path(sys.executable).with_name("lamplighter")


def root_filesystem(place: Path) -> Path:
    """What a .NET base image would be, with a client in shell that tells the handler; its libraries are the host's."""
    for name in ("usr", "var/runtime"):
        (place / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64"):
        (place / name).symlink_to(f"usr/{name}")
    client = SHELL_PROBE.replace(
        '\\"user\\"', '\\"handler\\":\\"$_HANDLER\\",\\"in\\":\\"$AWS_EXECUTION_ENV\\",\\"user\\"'
    )
    write(place / "var/runtime", bootstrap=client)
    return place


def add(name: str, place: Path, data_dir: Path) -> "subprocess.CompletedProcess[str]":
    command = [str(LAMPLIGHTER), "runtime", "add", name, "--from", str(place), "--data-dir", str(data_dir)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_dotnet_runs_from_a_directory_that_was_brought(tmp_path: Path) -> None:
    place = tmp_path / "dotnet"
    root_filesystem(place / "rootfs")
    binds = [{"source": "/usr", "target": "/usr"}]
    manifest: dict[str, object] = {"name": "dotnet8", "version": "8.0.11", "source": "made up", "binds": binds}
    manifest |= {"argv": ["/var/runtime/bootstrap"], "env": {"PATH": "/bin", "AWS_EXECUTION_ENV": "AWS_Lambda_dotnet8"}}
    (place / "runtime.json").write_text(json.dumps(manifest))
    data_dir = tmp_path / "data"
    done = add("dotnet8", place, data_dir)
    assert (done.returncode, done.stdout) == (0, "dotnet8 8.0.11 (own)\n"), done.stderr
    code = tmp_path / "code"
    code.mkdir()
    runtime = RuntimeDirectory(data_dir / "runtimes").get("dotnet8")
    with running(runtime, write(code), "Assembly::Namespace.Type::Method") as (api, _):
        answer = invoke(api, {"n": 1})[1]
    assert (answer["event"], answer["uid"]) == ({"n": 1}, 993)
    assert (answer["handler"], answer["in"]) == ("Assembly::Namespace.Type::Method", "AWS_Lambda_dotnet8")


def test_a_directory_that_is_no_runtime_is_refused_with_a_reason(tmp_path: Path) -> None:
    done = add("dotnet8", tmp_path, tmp_path / "data")
    assert done.returncode == 1
    assert "has neither runtime.json nor an executable var/runtime/bootstrap" in done.stderr
