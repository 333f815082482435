"""Runtimes made from Debian packages: whole root filesystems, with nothing of this machine in them."""

import shutil
from pathlib import Path

import pytest

from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from lamplighter.sandboxes.runtimes.runtime import Runtime, RuntimeMissing
from tests.e2e.bare_root import invoke, is_root, running
from tests.e2e.java_functions import PROBE, compile_java
from tests.e2e.runtime_probes import HIDDEN, NODE_PROBE, PYTHON_PROBE, SHELL_PROBE, write

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not is_root(), reason="needs root: mounts and chroot"),
    pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt-get"),
]

KEPT = Path(__file__).parents[2] / ".cache" / "debian-runtimes"
CLIENTS = KEPT.with_name("runtimes")


def installed(name: str) -> Runtime:
    """From Debian packages, kept between test runs because it downloads some 40 MB."""
    directory = RuntimeDirectory(KEPT)
    try:
        return directory.get(name)
    except RuntimeMissing:
        return directory.add(name, "debian")


@pytest.mark.parametrize(("name", "release"), [("python3.11", "12"), ("python3.13", "13")])
def test_python_of_a_debian_release_answers(tmp_path: Path, name: str, release: str) -> None:
    runtime = installed(name)
    write(tmp_path, probe__py=PYTHON_PROBE, extra__py="import platform, runtime_client, boto3\n")
    source = (
        "import platform, probe, extra, ssl, sqlite3, lzma, ctypes, pwd\n"
        "def handler(event, context):\n"
        "    return [probe.handler(event, context), platform.freedesktop_os_release()['VERSION_ID'],\n"
        "            len(ssl.create_default_context().get_ca_certs()), pwd.getpwuid(993).pw_name]\n"
    )
    with running(runtime, write(tmp_path, main__py=source), "main.handler") as (api, _):
        probe, version_id, certificates, user = invoke(api, {"n": 1, "hidden": HIDDEN})[1]
    assert runtime.binds == ()
    assert (probe["version"], version_id) == (name.removeprefix("python"), release)
    assert (probe["uid"], user, probe["host"]) == (993, "sbx_user1051", [])
    assert certificates > 100


def test_node_answers_in_a_debian_root(tmp_path: Path) -> None:
    with running(installed("nodejs22.x"), write(tmp_path, probe__mjs=NODE_PROBE), "probe.handler") as (api, _):
        answer = invoke(api, {"n": 2}, timeout=40)[1]
    assert answer["event"] == {"n": 2}
    assert answer["version"].startswith("22.")


def test_a_shell_bootstrap_answers_in_a_debian_root(tmp_path: Path) -> None:
    with running(installed("provided.al2023"), write(tmp_path, bootstrap=SHELL_PROBE), "unused") as (api, _):
        assert invoke(api, {"n": 3})[1] == {"event": {"n": 3}, "uid": 993, "user": "sbx_user1051"}


@pytest.mark.parametrize("name", ["java17", "java21"])
def test_java_answers_in_a_debian_root(tmp_path: Path, name: str) -> None:
    try:
        runtime = RuntimeDirectory(KEPT).get(name)
    except RuntimeMissing:
        pytest.skip(f"{name} of Debian is 60 MB to download: add it to .cache/debian-runtimes by hand")
    compile_java({"Probe": PROBE}, tmp_path / "code", CLIENTS / ".cache")
    for place in (tmp_path / "code", tmp_path / "code/probe"):
        place.chmod(0o755)
    with running(runtime, tmp_path / "code", "probe.Probe") as (api, _):
        answer = invoke(api, {"text": "grüße ✓"}, timeout=40)[1]
    assert (answer["event"], answer["charset"]) == ({"text": "grüße ✓"}, "UTF-8")
    assert answer["specification"] == name.removeprefix("java")
    assert answer["certificates"] > 100
    assert runtime.binds == ()


def test_nothing_in_the_root_filesystem_may_raise_privileges(tmp_path: Path) -> None:
    runtime = installed("provided.al2023")
    risky = [path for path in runtime.root.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o7022]
    assert risky == []


def test_what_debian_lacks_is_said(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match=r"debian: no Debian release carries python3\.12"):
        RuntimeDirectory(tmp_path).add("python3.12", "debian")
    assert RuntimeDirectory(tmp_path).list() == ()
