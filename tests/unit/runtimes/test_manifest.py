"""The manifest beside a root filesystem."""

import json
from pathlib import Path

import pytest

from lamplighter.sandboxes.runtimes import manifest as manifests
from lamplighter.sandboxes.runtimes.manifest import Manifest, ManifestBind, ManifestRefused
from lamplighter.sandboxes.sandbox import Bind

MANIFEST = Manifest(
    name="python3.12",
    version="3.12.1",
    source="host",
    argv=("/var/lang/bin/python3.12", "{handler}"),
    env={"TZ": ":UTC"},
    binds=(ManifestBind("/usr", "/usr"), ManifestBind("empty", "/usr/local")),
    may_be_zygote=True,
    client="awslambdaric 4.2.2",
)


def test_what_was_written_is_read_back() -> None:
    data = manifests.encode(MANIFEST)
    assert manifests.decode(data) == MANIFEST
    assert json.loads(data)["format"] == manifests.FORMAT


def test_relative_paths_lie_in_the_runtimes_own_directory() -> None:
    runtime = manifests.to_runtime(MANIFEST, Path("/data/runtimes/python3.12"))
    assert runtime.root == Path("/data/runtimes/python3.12/rootfs")
    assert runtime.binds == (Bind(Path("/usr"), "/usr"), Bind(Path("/data/runtimes/python3.12/empty"), "/usr/local"))
    assert runtime.may_be_zygote


def test_fields_of_later_releases_are_passed_over() -> None:
    fields = json.loads(manifests.encode(MANIFEST)) | {"digest": "sha256:00"}
    assert manifests.decode(json.dumps(fields).encode()) == MANIFEST


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "cannot be read"),
        (b'{"format":1}', "missing required field"),
        (json.dumps(json.loads(manifests.encode(MANIFEST)) | {"format": 2}).encode(), "has format 2"),
    ],
)
def test_a_manifest_that_cannot_be_understood_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ManifestRefused, match=reason):
        manifests.decode(data)
