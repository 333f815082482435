"""Runtimes that an operator brings: copied whole, checked first, never able to write outside."""

import json
from pathlib import Path

import pytest

from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from lamplighter.sandboxes.runtimes.own import OwnImporter
from lamplighter.sandboxes.runtimes.runtime import Runtime

MANIFEST = {"name": "dotnet8", "version": "8.0.1", "source": "x", "argv": ["/var/lang/bin/dotnet", "{handler}"]}


def add(place: Path, target: Path) -> Runtime:
    own = OwnImporter(place)
    return RuntimeDirectory(target, {own.source: own}).add("dotnet8", own.source)


def program(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


def test_a_whole_runtime_is_copied_with_its_manifest(tmp_path: Path) -> None:
    place = tmp_path / "place"
    program(place / "fs/var/lang/bin/dotnet")
    (place / "more").mkdir()
    manifest = MANIFEST | {"root": "fs", "binds": [{"source": "more", "target": "/opt/more"}], "client": "RS 1.13"}
    (place / "runtime.json").write_text(json.dumps(manifest))
    runtime = add(place, tmp_path / "runtimes")
    assert (runtime.version, runtime.source, runtime.argv) == ("8.0.1", "own", ("/var/lang/bin/dotnet", "{handler}"))
    assert (runtime.root, runtime.binds[0].source) == (
        tmp_path / "runtimes/dotnet8/fs",
        tmp_path / "runtimes/dotnet8/more",
    )
    assert (runtime.root / "var/task").is_dir()
    assert (runtime.root / "var/lang/bin/dotnet").stat().st_mode & 0o777 == 0o755


def test_a_root_filesystem_with_a_bootstrap_needs_no_manifest(tmp_path: Path) -> None:
    program(tmp_path / "place/var/runtime/bootstrap")
    (tmp_path / "place/etc").mkdir()
    outside = tmp_path / "outside"
    outside.write_text("of the host")
    (tmp_path / "place/etc/resolv.conf").symlink_to(outside)
    runtime = add(tmp_path / "place", tmp_path / "runtimes")
    assert runtime.command("Assembly::Type::Method", 512) == ("/var/runtime/bootstrap",)
    assert runtime.env["AWS_EXECUTION_ENV"] == "AWS_Lambda_dotnet8"
    assert outside.read_text() == "of the host"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "dotnet10"}, "holds the runtime dotnet10, not dotnet8"),
        ({"argv": []}, "no command"),
        ({"root": "absent"}, "has no directory absent"),
        ({"root": "../place"}, r"has no directory \.\./place"),
        ({"binds": [{"source": "absent", "target": "/x"}]}, "has no directory absent"),
        ({"format": 99}, "format 99"),
    ],
)
def test_a_manifest_that_cannot_work_is_refused(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    place = tmp_path / "place"
    (place / "rootfs").mkdir(parents=True)
    (place / "runtime.json").write_text(json.dumps(MANIFEST | change))
    with pytest.raises(ImportFailed, match=reason):
        add(place, tmp_path / "runtimes")


def test_what_is_no_runtime_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="is not a directory"):
        add(tmp_path / "absent", tmp_path / "runtimes")
    with pytest.raises(ImportFailed, match="has neither"):
        add(tmp_path, tmp_path / "runtimes")


def test_a_root_filesystem_may_not_lead_out(tmp_path: Path) -> None:
    program(tmp_path / "place/var/runtime/bootstrap")
    (tmp_path / "place/etc").symlink_to("/etc")
    with pytest.raises(ImportFailed, match="/etc of the root filesystem is a link"):
        add(tmp_path / "place", tmp_path / "runtimes")
