"""Makes a root filesystem by unpacking Debian packages, and puts AWS's client into it.

No package's own scripts are run: the few things they would do for a function (links, loader cache, certificates,
compiled Python) are done here. Must not know where the packages came from.
"""

import platform
import re
import shutil
import subprocess
from pathlib import Path

from lamplighter.sandboxes.runtimes import java_client, node_client
from lamplighter.sandboxes.runtimes.debian.apt import Apt
from lamplighter.sandboxes.runtimes.debian.releases import recipe_for
from lamplighter.sandboxes.runtimes.fetch import run
from lamplighter.sandboxes.runtimes.host import provided_manifest, refuse_packages, ruby_manifest
from lamplighter.sandboxes.runtimes.identifiers import Identifier, runtime_environment
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from lamplighter.sandboxes.runtimes.java_archive import with_archive
from lamplighter.sandboxes.runtimes.java_truststore import write_truststore
from lamplighter.sandboxes.runtimes.manifest import Manifest
from lamplighter.sandboxes.runtimes.progress import Progress, Step
from lamplighter.sandboxes.runtimes.python_client import (
    CLIENT,
    CLIENT_VERSION,
    compile_python,
    install_python_client,
    python_argv,
)
from lamplighter.sandboxes.runtimes.ruby_client import install_ruby_client
from lamplighter.sandboxes.runtimes.skeleton import copy_certificates, link, link_certificates, make_skeleton

_JAVA_VERSION = re.compile(r'^JAVA_VERSION="(.+)"$', re.MULTILINE)
_MERGED = ("bin", "sbin", "lib", "lib64")
_LEFT_OUT = ("man", "info", "locale", "lintian", "bug", "doc/*/changelog*", "doc/*/NEWS*", "doc/*/examples")


class DebianImporter:
    """Makes runtimes from the packages of a Debian release."""

    source = "debian"

    def build(
        self, identifier: Identifier, directory: Path, cache: Path, packages: tuple[str, ...], progress: Progress
    ) -> Manifest:
        refuse_packages(identifier, packages)
        recipe = recipe_for(identifier)
        if recipe is None:
            raise ImportFailed(f"no Debian release carries {identifier.name}")
        apt = Apt(recipe.release, cache)
        name = identifier.name
        progress(Step(name, f"reading the package lists of Debian {recipe.release}", 0.0))
        apt.update()
        progress(Step(name, "choosing packages", 0.1))
        download = apt.fetch(
            recipe.packages, lambda done: progress(Step(name, "downloading packages", 0.1 + 0.3 * done))
        )
        root = directory / "rootfs"
        _unpack_all(download.files, root, identifier, progress)
        make_skeleton(root)
        _finish(root)
        if identifier.family == "python":
            return _python(identifier, root, cache, packages, progress)
        if identifier.family == "nodejs":
            return _node(identifier, root, cache, progress)
        if identifier.family == "java":
            return _java(identifier, root, cache, progress)
        if identifier.family == "ruby":
            return _ruby(identifier, root, cache, packages, progress)
        return provided_manifest(identifier, directory, self.source)


def _unpack_all(files: tuple[Path, ...], root: Path, identifier: Identifier, progress: Progress) -> None:
    """Packages name /bin and /lib in two ways; links made first lead both to /usr."""
    for name in _MERGED:
        (root / "usr" / name).mkdir(parents=True)
        link(root / name, f"usr/{name}")
    for number, file in enumerate(files):
        progress(Step(identifier.name, f"unpacking {len(files)} packages", 0.4 + 0.2 * number / len(files)))
        _unpack(file, root)


def _unpack(package: Path, root: Path) -> None:
    left_out = [f"--exclude=./usr/share/{name}" for name in _LEFT_OUT]
    tar = [
        "tar",
        "-x",
        "-p",
        "-C",
        str(root),
        "--keep-directory-symlink",
        "--no-same-owner",
        "--delay-directory-restore",
    ]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as stream:
        done = subprocess.run([*tar, *left_out], stdin=stream.stdout, capture_output=True, text=True, check=False)
    if done.returncode != 0 or stream.returncode != 0:
        raise ImportFailed(f"{package.name} cannot be unpacked: {done.stderr.strip()}")


def _finish(root: Path) -> None:
    if not (root / "usr/bin/awk").exists() and (root / "usr/bin/gawk").exists():
        link(root / "usr/bin/awk", "gawk")
    bundle = root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    certificates = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    bundle.write_bytes(b"".join(path.read_bytes() for path in certificates))
    link_certificates(root)
    # The machine's own bundle, where it has one, also trusts what its owner trusts.
    copy_certificates(root)
    run([shutil.which("ldconfig", path="/usr/sbin:/sbin:/usr/bin") or "ldconfig", "-r", str(root)])


def _python(identifier: Identifier, root: Path, cache: Path, packages: tuple[str, ...], progress: Progress) -> Manifest:
    version = identifier.version
    for name in (f"python{version}", "python3", "python"):
        link(root / "var/lang/bin" / name, f"/usr/bin/python{version}")
    progress(Step(identifier.name, f"installing {CLIENT} {CLIENT_VERSION}", 0.6))
    install_python_client(identifier, root, cache, packages)
    interpreter, env = _inner_python(root, version)
    for text, folder, fraction in (
        ("compiling the standard library", root / f"usr/lib/python{version}", 0.75),
        ("compiling the client", root / "var/runtime", 0.9),
    ):
        progress(Step(identifier.name, text, fraction))
        compile_python(interpreter, root, folder, env)
    return Manifest(
        name=identifier.name,
        version=run([*interpreter, "-c", "import platform; print(platform.python_version())"], env=env).strip(),
        source=DebianImporter.source,
        argv=python_argv(identifier),
        env=runtime_environment(identifier),
        may_be_zygote=True,
        client=f"{CLIENT} {CLIENT_VERSION}",
    )


def _inner_python(root: Path, version: str) -> tuple[list[str], dict[str, str]]:
    """The root filesystem's own interpreter, run by its own loader and C library: no chroot, so no privilege."""
    loader = next(iter(sorted((root / "usr").glob("lib*/ld-linux*"))), None)
    if loader is None:
        raise ImportFailed("the unpacked C library has no loader")
    libraries = root / "usr/lib" / f"{platform.machine()}-linux-gnu"
    argv = [str(loader), "--library-path", str(libraries), str(root / f"usr/bin/python{version}")]
    return argv, {"PYTHONHOME": str(root / "usr"), "PYTHONPATH": "", "PYTHONNOUSERSITE": "1"}


def _node(identifier: Identifier, root: Path, cache: Path, progress: Progress) -> Manifest:
    version = node_client.install_node(identifier, root / "var/lang", cache, progress)
    node_client.install_node_client(root, cache, identifier, progress)
    return Manifest(
        name=identifier.name,
        version=version,
        source=DebianImporter.source,
        argv=node_client.node_argv(),
        env=runtime_environment(identifier),
        client=node_client.CLIENT,
    )


def _java(identifier: Identifier, root: Path, cache: Path, progress: Progress) -> Manifest:
    # The release file, because a virtual machine finds its home by its program's name and cannot be run from outside.
    release = next((root / "usr/lib/jvm").glob(f"java-{identifier.version}-openjdk-*/release"), None)
    version = _JAVA_VERSION.search(release.read_text()) if release else None
    if release is None or version is None:
        raise ImportFailed(f"the unpacked Java {identifier.version} does not tell its version")
    link(root / "var/lang/bin/java", f"/{release.parent.relative_to(root)}/bin/java")
    write_truststore(root)
    java_client.install_java_client(root, cache, identifier, progress)
    manifest = Manifest(
        name=identifier.name,
        version=version[1],
        source=DebianImporter.source,
        argv=java_client.java_argv(identifier),
        env=runtime_environment(identifier),
        client=java_client.CLIENT,
    )
    progress(Step(identifier.name, "archiving the client's classes", 0.8))
    return with_archive(manifest, root.parent)


def _ruby(identifier: Identifier, root: Path, cache: Path, packages: tuple[str, ...], progress: Progress) -> Manifest:
    link(root / "var/lang/bin/ruby", f"/usr/bin/ruby{identifier.version}")
    # Its own directories are named by the interface version, the release by its library.
    library = next((root / "usr/lib").glob(f"*/libruby-{identifier.version}.so.{identifier.version}.*"), None)
    if library is None:
        raise ImportFailed(f"the unpacked Ruby {identifier.version} has no library")
    client = install_ruby_client(root, cache, packages, identifier, progress)
    return ruby_manifest(identifier, DebianImporter.source, library.name.rpartition(".so.")[2], client)
