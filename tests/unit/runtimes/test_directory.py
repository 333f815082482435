"""Installed runtimes: found, listed, replaced and removed, and never half there."""

import json
from pathlib import Path

import pytest

from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from lamplighter.sandboxes.runtimes.identifiers import Identifier, UnknownIdentifier
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from lamplighter.sandboxes.runtimes.manifest import Manifest, ManifestBind
from lamplighter.sandboxes.runtimes.progress import Progress, Step
from lamplighter.sandboxes.runtimes.runtime import RuntimeMissing


class FolderImporter:
    """A source with one file in it; counts its builds, and fails when told to."""

    def __init__(self, source: str = "folder", failure: str = "", bind: Path | None = None) -> None:
        self.source = source
        self._failure = failure
        self._bind = bind
        self._builds = 0

    def build(
        self, identifier: Identifier, directory: Path, cache: Path, packages: tuple[str, ...], progress: Progress
    ) -> Manifest:
        self._builds += 1
        (directory / "rootfs").mkdir(mode=0o700)
        (directory / "rootfs/file").write_text(" ".join(packages))
        progress(Step(identifier.name, "building", 0.5))
        if self._failure:
            raise ImportFailed(self._failure)
        binds = (ManifestBind(str(self._bind), "/bound"),) if self._bind else ()
        version = str(self._builds)
        return Manifest(name=identifier.name, version=version, source=self.source, argv=("/bin/true",), binds=binds)


def directory_of(path: Path, *importers: FolderImporter) -> RuntimeDirectory:
    return RuntimeDirectory(path, {importer.source: importer for importer in importers or (FolderImporter(),)})


def entries(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir() if entry.name not in {".lock", ".cache"})


def test_a_runtime_that_is_not_installed_says_how_to_add_it(tmp_path: Path) -> None:
    with pytest.raises(RuntimeMissing, match=r"python3\.12 is not installed .* lamplighter runtime add python3\.12"):
        directory_of(tmp_path).get("python3.12")


@pytest.mark.parametrize("name", ["../python3.12", "/etc", ".cache", "", "a/b", "python3.12\n"])
def test_a_name_cannot_lead_out_of_the_directory(tmp_path: Path, name: str) -> None:
    directory = directory_of(tmp_path / "runtimes")
    with pytest.raises(RuntimeMissing):
        directory.get(name)
    with pytest.raises(RuntimeMissing):
        directory.remove(name)
    with pytest.raises(UnknownIdentifier):
        directory.add(name)


def test_an_added_runtime_is_got_listed_and_removed(tmp_path: Path) -> None:
    directory = directory_of(tmp_path)
    added = directory.add("python3.12", packages=("requests",))
    assert directory.get("python3.12") == added
    assert directory.list() == (added,)
    assert (added.root / "file").read_text() == "boto3>=1.40,<2 requests"
    directory.remove("python3.12")
    assert directory.list() == ()
    assert entries(tmp_path) == []


def test_another_reader_sees_what_was_added_and_replaced(tmp_path: Path) -> None:
    importer = FolderImporter()
    writer, reader = directory_of(tmp_path, importer), directory_of(tmp_path)
    writer.add("nodejs22.x")
    assert reader.get("nodejs22.x").version == "1"
    writer.add("nodejs22.x")
    assert reader.get("nodejs22.x").version == "2"
    assert entries(tmp_path) == ["nodejs22.x"]


def test_sources_are_tried_in_order_and_every_reason_is_told(tmp_path: Path) -> None:
    first, second = FolderImporter("first", "no interpreter"), FolderImporter("second")
    assert directory_of(tmp_path, first, second).add("python3.12").source == "second"
    second = FolderImporter("second", "no packages")
    with pytest.raises(ImportFailed, match="first: no interpreter; second: no packages"):
        directory_of(tmp_path, first, second).add("python3.13")
    with pytest.raises(ImportFailed, match="there is no source 'third'"):
        directory_of(tmp_path, first).add("python3.13", "third")
    assert entries(tmp_path) == ["python3.12"]


def test_a_failed_replacement_leaves_the_old_runtime(tmp_path: Path) -> None:
    added = directory_of(tmp_path).add("python3.12")
    with pytest.raises(ImportFailed):
        directory_of(tmp_path, FolderImporter(failure="disk full")).add("python3.12")
    assert directory_of(tmp_path).list() == (added,)
    assert entries(tmp_path) == ["python3.12"]


def test_everything_is_readable_for_the_unprivileged_user(tmp_path: Path) -> None:
    root = directory_of(tmp_path).add("python3.12").root
    assert root.stat().st_mode & 0o777 == 0o755
    assert (root / "file").stat().st_mode & 0o777 == 0o644


def test_a_runtime_that_lost_its_interpreter_is_missing(tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    prefix.mkdir()
    directory = directory_of(tmp_path / "runtimes", FolderImporter(bind=prefix))
    directory.add("python3.12")
    prefix.rmdir()
    with pytest.raises(RuntimeMissing, match=r"has lost .*prefix"):
        directory.get("python3.12")
    assert [(entry.name, entry.runtime) for entry in directory.inspect()] == [("python3.12", None)]


def test_a_damaged_manifest_is_reported_not_raised_from_the_list(tmp_path: Path) -> None:
    directory = directory_of(tmp_path)
    directory.add("python3.12")
    (tmp_path / "python3.12/runtime.json").write_text("{")
    assert directory.list() == ()
    assert "cannot be read" in directory.inspect()[0].reason


def test_leftovers_of_a_killed_installation_are_swept(tmp_path: Path) -> None:
    directory = directory_of(tmp_path)
    directory.add("python3.12")
    (tmp_path / ".building-x/rootfs").mkdir(parents=True)
    (tmp_path / ".retired-x/python3.11").mkdir(parents=True)
    directory.sweep()
    assert entries(tmp_path) == ["python3.12"]


def test_a_replacement_killed_between_its_renames_returns_the_old_runtime(tmp_path: Path) -> None:
    added = directory_of(tmp_path).add("python3.12")
    (tmp_path / ".replaced-x").mkdir()
    (tmp_path / "python3.12").rename(tmp_path / ".replaced-x/python3.12")
    directory = directory_of(tmp_path)
    directory.sweep()
    assert directory.get("python3.12") == added
    assert entries(tmp_path) == ["python3.12"]


def test_a_runtime_is_made_anew_from_the_source_it_came_from(tmp_path: Path) -> None:
    directory = directory_of(tmp_path, FolderImporter("host"), FolderImporter("debian"))
    assert directory.add("python3.12").source == "host"
    assert directory.add("python3.12", "debian").source == "debian"
    assert directory.add("python3.12").source == "debian"
    directory.remove("python3.12")
    assert directory.add("python3.12").source == "host"


def test_a_runtime_directory_put_there_by_hand_is_used(tmp_path: Path) -> None:
    own = tmp_path / "dotnet8"
    (own / "rootfs").mkdir(parents=True)
    fields = {"format": 1, "name": "dotnet8", "version": "8.0", "source": "own", "argv": ["/var/runtime/bootstrap"]}
    (own / "runtime.json").write_text(json.dumps(fields))
    assert directory_of(tmp_path).get("dotnet8").argv == ("/var/runtime/bootstrap",)


def test_progress_only_grows_and_ends_at_one(tmp_path: Path) -> None:
    steps: list[Step] = []
    directory_of(tmp_path).add("python3.12", progress=steps.append)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
