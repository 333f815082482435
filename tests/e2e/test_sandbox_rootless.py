"""The namespaces driver as an ordinary user: the same isolation, and the truth about the limits that are missing."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live_sandboxes import is_root, make_root, state_directory

PROBE = Path(__file__).with_name("rootless_probe.py")
SOURCE = Path(__file__).parents[2] / "src"
ATTEMPTS = Path(__file__).parents[1] / "security" / "inside" / "probes.py"
INTERPRETER = "/usr/bin/python3"
NOBODY = 65534


@pytest.fixture
def place() -> Iterator[Path]:
    if not is_root() or not shutil.which("setpriv") or not Path(INTERPRETER).exists():
        pytest.skip("needs root (to become another user), setpriv and the system's python3")
    with state_directory() as made:
        make_root(made)
        # An ordinary user may read neither the tests' interpreter nor, perhaps, the checkout.
        shutil.copytree(SOURCE, made / "src", ignore=shutil.ignore_patterns("__pycache__"))
        (made / "code").mkdir()
        shutil.copy(ATTEMPTS, made / "code/probes.py")
        for name in ("one", "two"):
            (made / "layers" / name).mkdir(parents=True)
            (made / "layers" / name / "which").write_text(name)
        (made / "probe.py").write_bytes(PROBE.read_bytes())
        for binary in (made / "state").iterdir():
            copy = binary.resolve().read_bytes()
            binary.unlink()
            binary.write_bytes(copy)
            binary.chmod(0o755)
        os.chown(made / "state", NOBODY, NOBODY)
        yield made


def run(place: Path, *commands: list[str]) -> dict[str, Any]:
    user = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    done = subprocess.run(
        [*user, INTERPRETER, "-B", str(place / "probe.py"), str(place)],
        input=json.dumps(commands),
        env={"PYTHONPATH": str(place / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    if "user namespace" in done.stderr or "clone into new namespaces" in done.stderr:
        pytest.skip("this machine allows ordinary users no user namespaces")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def attempt(name: str, *arguments: str) -> list[str]:
    return [INTERPRETER, "/var/task/probes.py", name, *arguments]


def test_an_ordinary_user_gets_the_same_isolation(place: Path) -> None:
    attempts = [
        attempt("clone_with", "0x10000000"),
        attempt("mount_tmpfs"),
        attempt("raw", "unshare", "0x10000000"),
        attempt("trace_child"),
        attempt("become_root"),
        attempt("raise_capability"),
        attempt("write_file", "/var/task"),
        attempt("write_file", "/"),
        attempt("read_file", "/etc/shadow"),
        attempt("read_file", "/proc/1/environ"),
        attempt("connect", "8.8.8.8", "53"),
    ]
    found = run(place, *attempts)

    assert found["uid"] == NOBODY
    results = [json.loads(answer["output"]) for answer in found["answers"]]
    assert [result for result in results if not isinstance(result, int) or result == 0] == []


def test_the_function_sees_lambdas_user_and_no_capability(place: Path) -> None:
    [answer] = run(place, attempt("status"))["answers"]
    status = json.loads(answer["output"])

    assert status["Uid"].split() == ["993"] * 4
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_only_own_processes_and_descriptors_are_seen(place: Path) -> None:
    seen, open_, ports = run(place, attempt("processes"), attempt("descriptors"), attempt("open_ports"))["answers"]

    assert len(json.loads(seen["output"])) <= 2  # pid 1 has the same user here
    assert set(json.loads(open_["output"])) == {"0", "1", "2"}
    assert json.loads(ports["output"]) == [9001]


def test_layers_tmp_and_limits_of_processes_hold(place: Path) -> None:
    fill = "import sys\ntry:\n  open('/tmp/x','wb').write(b'x'*(64<<20))\nexcept OSError as error: print(error.errno)"
    forks = (
        "import os,time\nn=0\ntry:\n  while True:\n    n+=1\n    if os.fork()==0: time.sleep(30)\n"
        "except OSError as error: print(n, flush=True); os._exit(0)"
    )
    commands = (["/bin/cat", "/opt/which"], [INTERPRETER, "-c", fill], [INTERPRETER, "-c", forks])
    layer, tmp, processes = (answer["output"].strip() for answer in run(place, *commands)["answers"])

    assert layer == "two"
    assert tmp == "28"
    assert int(processes) <= 64


def test_600_mb_are_refused_to_a_128_mb_function(place: Path) -> None:
    """Without a cgroup the limit is on writable memory of one process, with room for what runtimes reserve."""
    [answer] = run(place, [INTERPRETER, "-c", "x = b'x' * (600 << 20)"])["answers"]

    assert answer["code"] == 1
    assert "MemoryError" in answer["output"]


def test_what_is_missing_is_told(place: Path) -> None:
    isolation = run(place)["isolation"]

    assert isolation["system call filter"]
    assert isolation["own processes, network, mounts, ipc and host name"]
    assert not isolation["own user ids"]
    assert not isolation["files in /tmp on disk"]
