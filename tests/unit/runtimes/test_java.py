"""What a Java runtime is made of: pinned jars, a heap that fits the memory, certificates in Java's own form."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from lamplighter.sandboxes.runtimes import interpreters
from lamplighter.sandboxes.runtimes.identifiers import parse_identifier
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from lamplighter.sandboxes.runtimes.java_archive import with_archive
from lamplighter.sandboxes.runtimes.java_client import java_argv
from lamplighter.sandboxes.runtimes.java_truststore import write_truststore
from lamplighter.sandboxes.runtimes.manifest import Manifest
from lamplighter.sandboxes.runtimes.maven import MavenArtifact, fetch_maven_artifact
from lamplighter.sandboxes.runtimes.runtime import Runtime, heap_kib

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


@pytest.mark.parametrize(
    ("memory_mib", "kib"),
    [(128, 111411), (512, 445645), (3008, 2834432), (10240, 10240000)],
)
def test_the_heap_leaves_room_for_classes_and_compiled_code(memory_mib: int, kib: int) -> None:
    assert heap_kib(memory_mib) == kib


def test_a_command_is_told_handler_and_heap() -> None:
    argv = java_argv(parse_identifier("java21"))
    runtime = Runtime(name="java21", version="21", source="host", root=Path("/r"), argv=argv)
    command = runtime.command("com.example.Handler::run", 512)
    assert command[1] == "-XX:MaxHeapSize=445645k"
    assert command[-1] == "com.example.Handler::run"
    assert not any("{" in part for part in command)


def test_an_artifact_is_taken_from_the_cache_or_the_machine_when_it_is_the_right_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAVEN_CENTRAL", "http://plain.invalid")
    artifact = MavenArtifact("org.example.lamps", "wick", "1.2", hashlib.sha256(b"wick").hexdigest())
    local = tmp_path / "home/.m2/repository/org/example/lamps/wick/1.2/wick-1.2.jar"
    local.parent.mkdir(parents=True)
    local.write_bytes(b"wick")
    assert fetch_maven_artifact(artifact, tmp_path / "cache") == local
    local.write_bytes(b"another")
    with pytest.raises(ImportFailed, match="not an https:// address"):
        fetch_maven_artifact(artifact, tmp_path / "cache")
    kept = tmp_path / "cache/maven/wick-1.2.jar"
    kept.write_bytes(b"wick")
    assert fetch_maven_artifact(artifact, tmp_path / "cache") == kept


def test_java_is_asked_for_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "bin/java"
    java.parent.mkdir()
    java.write_text(
        "#!/bin/sh\nprintf 'Property settings:\\n    java.home = %s\\n    java.specification.version = 77\\n"
        f"    java.version = 77.0.3\\n' {tmp_path} >&2\n"
    )
    for path in (tmp_path, java.parent, java):
        path.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    found = interpreters.find_java("77")
    assert found is not None
    assert (found.version, found.prefix, found.is_carried) == ("77.0.3", tmp_path.resolve(), False)
    assert interpreters.find_java("78") is None


def test_without_the_privileges_for_an_archive_java_starts_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rootfs/tmp").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    argv = java_argv(parse_identifier("java21"))
    manifest = Manifest(name="java21", version="21", source="host", argv=argv)
    assert with_archive(manifest, tmp_path) == manifest


def test_no_certificates_make_no_truststore(tmp_path: Path) -> None:
    write_truststore(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("keytool") is None or not BUNDLE.exists(), reason="needs Java and certificates")
def test_java_reads_the_truststore(tmp_path: Path) -> None:
    (tmp_path / "etc/ssl/certs").mkdir(parents=True)
    shutil.copyfile(BUNDLE, tmp_path / "etc/ssl/certs/ca-certificates.crt")
    write_truststore(tmp_path)
    keystore = tmp_path / "etc/pki/java/cacerts"
    assert keystore.read_bytes() == (tmp_path / "etc/ssl/certs/java/cacerts").read_bytes()
    command = ["keytool", "-list", "-keystore", str(keystore), "-storepass", "changeit"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.count("trustedCertEntry") == BUNDLE.read_text().count("BEGIN CERTIFICATE")
