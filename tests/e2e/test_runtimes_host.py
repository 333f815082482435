"""Runtimes made from this machine's interpreters run AWS's clients in their own root filesystem."""

import platform
from pathlib import Path
from typing import Any

import pytest

from lamplighter.sandboxes.runtimes import interpreters
from lamplighter.sandboxes.runtimes.commands import PYTHONS, ensure
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from lamplighter.sandboxes.runtimes.runtime import Runtime
from tests.e2e.bare_root import end, invoke, is_root, running
from tests.e2e.runtime_probes import HIDDEN, NODE_PROBE, PYTHON_PROBE, SHELL_PROBE, write

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: mounts and chroot")]

CLIENTS = Path(__file__).parents[2] / ".cache" / "runtimes"
PYTHON_RUNTIMES = [f"python{version}" for version in PYTHONS]
NODE_RUNTIMES = ["nodejs20.x", "nodejs22.x", "nodejs24.x"]


@pytest.fixture(scope="session")
def directory() -> RuntimeDirectory:
    """Kept between test runs, because installing downloads."""
    return RuntimeDirectory(CLIENTS)


def python_runtime(directory: RuntimeDirectory, name: str) -> Runtime:
    if interpreters.find_python(name.removeprefix("python")) is None:
        pytest.skip(f"this machine has no {name}")
    return ensure(directory, [name])[0]


@pytest.mark.parametrize("name", PYTHON_RUNTIMES)
def test_python_answers_as_an_unprivileged_user(directory: RuntimeDirectory, tmp_path: Path, name: str) -> None:
    runtime = python_runtime(directory, name)
    with running(runtime, write(tmp_path, probe__py=PYTHON_PROBE), "probe.handler") as (api, _):
        path, answer = invoke(api, {"n": 1, "hidden": HIDDEN})
    assert path == "invocation/11111111-2222-4333-8444-555555555555/response"
    assert answer["event"]["n"] == 1
    assert answer["version"] == name.removeprefix("python")
    assert (answer["uid"], answer["cwd"], answer["text"]) == (993, "/var/task", "grüße ✓")
    assert answer["encoding"].lower() == "utf-8"
    assert answer["client"].startswith("/var/runtime/awslambdaric/")
    assert answer["host"] == []
    assert answer["environment"]["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{name}"


@pytest.mark.parametrize("name", PYTHON_RUNTIMES)
def test_python_searches_the_function_then_layers_then_the_runtime(
    directory: RuntimeDirectory, tmp_path: Path, name: str
) -> None:
    runtime = python_runtime(directory, name)
    code, layer = tmp_path / "code", tmp_path / "layer"
    code.mkdir()
    site_packages = layer / f"python/lib/{name}/site-packages"
    site_packages.mkdir(parents=True)
    for place in (layer, layer / "python", layer / "python/lib"):
        place.chmod(0o755)
    (layer / "python/simplejson_mark.py").write_text("where = 'layer'")
    (layer / "python/shared.py").write_text("where = 'layer'")
    (code / "shared.py").write_text("where = 'function'")
    source = (
        "import boto3, shared, simplejson_mark, sys\n"
        "def handler(event, context):\n"
        "    return [shared.where, simplejson_mark.where, boto3.__file__, sys.path[:4]]\n"
    )
    with running(runtime, write(code, main__py=source), "main.handler", layer=layer) as (api, _):
        answer: Any = invoke(api, {})[1]
    shared, mark, boto3, search_path = answer
    assert (shared, mark) == ("function", "layer")
    assert boto3.startswith("/var/runtime/boto3/")
    assert search_path == ["/var/task", f"/opt/python/lib/{name}/site-packages", "/opt/python", "/var/runtime"]


def test_python_does_not_see_packages_of_the_host(directory: RuntimeDirectory, tmp_path: Path) -> None:
    runtime = python_runtime(directory, PYTHON_RUNTIMES[0])
    source = (
        "import importlib.util, os\n"
        "def handler(event, context):\n"
        "    return [importlib.util.find_spec('pip') is None, os.listdir('/usr/local')]\n"
    )
    with running(runtime, write(tmp_path, main__py=source), "main.handler") as (api, _):
        assert invoke(api, {})[1] == [True, []]


def test_the_native_client_is_loaded(directory: RuntimeDirectory, tmp_path: Path) -> None:
    for name in PYTHON_RUNTIMES:
        if interpreters.find_python(name.removeprefix("python")) is None:
            continue
        source = "import runtime_client\ndef handler(event, context):\n    return runtime_client.__file__\n"
        with running(ensure(directory, [name])[0], write(tmp_path, main__py=source), "main.handler") as (api, _):
            assert invoke(api, {})[1].endswith(".so")


def test_a_missing_module_is_reported_as_aws_reports_it(directory: RuntimeDirectory, tmp_path: Path) -> None:
    runtime = python_runtime(directory, PYTHON_RUNTIMES[0])
    with running(runtime, write(tmp_path), "absent.handler") as (api, process):
        path, answer = api.answers.get(timeout=20)
        assert process.wait(timeout=20) == 1
    assert path == "init/error"
    assert answer["errorType"] == "Runtime.ImportModuleError"
    assert "Unable to import module 'absent'" in answer["errorMessage"]


@pytest.mark.parametrize("name", NODE_RUNTIMES)
def test_node_answers_as_an_unprivileged_user(directory: RuntimeDirectory, tmp_path: Path, name: str) -> None:
    if platform.machine() not in {"x86_64", "aarch64"}:
        pytest.skip(f"no build of Node.js for {platform.machine()}")
    runtime = ensure(directory, [name])[0]
    with running(runtime, write(tmp_path, probe__mjs=NODE_PROBE), "probe.handler") as (api, process):
        path, answer = invoke(api, {"n": 2}, timeout=40)
        end(process)
        output = process.communicate(timeout=10)[0]
    assert path.endswith("/response")
    assert answer["event"] == {"n": 2}
    assert f"nodejs{answer['version'].split('.')[0]}.x" == name
    assert (answer["uid"], answer["cwd"], answer["text"]) == (993, "/var/task", "grüße ✓")
    assert answer["environment"] == f"AWS_Lambda_{name}"
    assert output == ""


@pytest.mark.parametrize("name", ["provided.al2023", "provided.al2"])
def test_a_shell_bootstrap_answers(directory: RuntimeDirectory, tmp_path: Path, name: str) -> None:
    (runtime,) = ensure(directory, [name])
    with running(runtime, write(tmp_path, bootstrap=SHELL_PROBE), "unused") as (api, _):
        answer = invoke(api, {"n": 3})[1]
    assert answer == {"event": {"n": 3}, "uid": 993, "user": "sbx_user1051"}


def test_a_bootstrap_in_a_layer_is_found_and_a_missing_one_named(directory: RuntimeDirectory, tmp_path: Path) -> None:
    (runtime,) = ensure(directory, ["provided.al2023"])
    code, layer = tmp_path / "code", tmp_path / "layer"
    code.mkdir()
    layer.mkdir()
    with running(runtime, code, "unused", layer=write(layer, bootstrap=SHELL_PROBE)) as (api, _):
        assert invoke(api, 4)[1]["event"] == 4
    with running(runtime, code, "unused") as (_, process):
        assert "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]" in process.communicate()[0]
        assert process.returncode == 127


@pytest.mark.parametrize("search_path", ["/usr/bin", "/nowhere"], ids=["curl", "bash alone"])
def test_the_bash_example_answers_with_and_without_curl(directory: RuntimeDirectory, search_path: str) -> None:
    (runtime,) = ensure(directory, ["provided.al2023"])
    code = Path(__file__).parents[2] / "examples" / "hello-bash"
    event = {"name": "grüße ✓", "text": "x" * 200_000, "line": "a\nb"}
    with running(runtime, code, "bootstrap", env={"PATH": search_path}) as (api, _):
        for _ in range(2):
            answer = invoke(api, event)[1]
            assert answer["hello"].startswith("bash ")
            assert answer["event"] == event


def test_certificates_time_zone_and_names_work_inside(directory: RuntimeDirectory, tmp_path: Path) -> None:
    runtime = python_runtime(directory, PYTHON_RUNTIMES[0])
    source = (
        "import pwd, socket, ssl, time, tempfile\n"
        "def handler(event, context):\n"
        "    known = len(ssl.create_default_context().get_ca_certs())\n"
        "    user = pwd.getpwuid(993).pw_name\n"
        "    with tempfile.TemporaryFile() as file: file.write(b'x')\n"
        "    return [known, time.tzname[0], user, socket.gethostbyname('sandbox.localdomain')]\n"
    )
    with running(runtime, write(tmp_path, main__py=source), "main.handler") as (api, _):
        known, zone, user, address = invoke(api, {})[1]
    assert known > 100
    assert (zone, user, address) == ("UTC", "sbx_user1051", "127.0.0.1")
