"""Importer `host`: the interpreters of this machine, under a dedicated root filesystem.

/usr is bound read-only, the interpreter's prefix at /var/lang where it lies elsewhere; what people installed for
themselves (/usr/local, site-packages) is covered by an empty directory, so a function finds what it ships and nothing
else. The quickest source, and the one that needs no download for the interpreter.
"""

from pathlib import Path

from lamplighter.sandboxes.runtimes import interpreters, java_client, node_client
from lamplighter.sandboxes.runtimes.identifiers import Identifier, runtime_environment
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from lamplighter.sandboxes.runtimes.interpreters import Interpreter
from lamplighter.sandboxes.runtimes.java_archive import with_archive
from lamplighter.sandboxes.runtimes.java_truststore import write_truststore
from lamplighter.sandboxes.runtimes.manifest import Manifest, ManifestBind
from lamplighter.sandboxes.runtimes.progress import Progress, Step
from lamplighter.sandboxes.runtimes.python_client import (
    CLIENT,
    CLIENT_VERSION,
    compile_python,
    install_python_client,
    python_argv,
)
from lamplighter.sandboxes.runtimes.ruby_client import install_ruby_client, ruby_argv
from lamplighter.sandboxes.runtimes.skeleton import (
    copy_host_configuration,
    copy_java_configuration,
    link,
    make_skeleton,
)

EMPTY = "empty"
_TOP_LEVEL = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


class HostImporter:
    """Makes runtimes from what is installed here."""

    source = "host"

    def build(
        self, identifier: Identifier, directory: Path, cache: Path, packages: tuple[str, ...], progress: Progress
    ) -> Manifest:
        builders = {
            "python": self._python,
            "nodejs": self._node,
            "java": self._java,
            "ruby": self._ruby,
            "provided": self._provided,
        }
        builder = builders.get(identifier.family)
        if builder is None:
            raise ImportFailed(f"{identifier.name} cannot be made from this machine's own interpreters")
        refuse_packages(identifier, packages)
        progress(Step(identifier.name, "looking for the interpreter", 0.0))
        return builder(identifier, directory, cache, packages, progress)

    def _python(
        self, identifier: Identifier, directory: Path, cache: Path, packages: tuple[str, ...], progress: Progress
    ) -> Manifest:
        found = interpreters.find_python(identifier.version)
        if found is None:
            raise ImportFailed(f"no Python {identifier.version} was found on this machine")
        root = directory / "rootfs"
        progress(Step(identifier.name, f"python {found.version} from {found.prefix}", 0.05))
        binds = _make_root(directory) + _bind_interpreter(found, root, (f"python{identifier.version}", "python3"))
        covered = _python_packages(found, identifier.version)
        binds += tuple(ManifestBind(EMPTY, target) for target in covered)
        what = " and ".join((f"{CLIENT} {CLIENT_VERSION}", *packages))
        progress(Step(identifier.name, f"installing {what}", 0.1))
        install_python_client(identifier, root, cache, packages)
        progress(Step(identifier.name, "compiling", 0.6))
        compile_python([str(found.executable), "-I"], root, root / "var/runtime")
        return Manifest(
            name=identifier.name,
            version=found.version,
            source=self.source,
            argv=python_argv(identifier),
            env=runtime_environment(identifier),
            binds=binds,
            may_be_zygote=True,
            client=f"{CLIENT} {CLIENT_VERSION}",
        )

    def _node(
        self, identifier: Identifier, directory: Path, cache: Path, _packages: tuple[str, ...], progress: Progress
    ) -> Manifest:
        root = directory / "rootfs"
        binds = _make_root(directory)
        found = interpreters.find_node(identifier.version)
        if found is None:
            version = node_client.install_node(identifier, root / "var/lang", cache, progress)
        else:
            version = found.version
            binds += _bind_interpreter(found, root, ("node",))
        node_client.install_node_client(root, cache, identifier, progress)
        return Manifest(
            name=identifier.name,
            version=version,
            source=self.source,
            argv=node_client.node_argv(),
            env=runtime_environment(identifier),
            binds=binds,
            client=node_client.CLIENT,
        )

    def _java(
        self, identifier: Identifier, directory: Path, cache: Path, _packages: tuple[str, ...], progress: Progress
    ) -> Manifest:
        found = interpreters.find_java(identifier.version)
        if found is None:
            raise ImportFailed(f"no Java {identifier.version} was found on this machine")
        root = directory / "rootfs"
        progress(Step(identifier.name, f"java {found.version} from {found.prefix}", 0.05))
        binds = _make_root(directory) + _bind_interpreter(found, root, ("java",))
        copy_java_configuration(root, identifier.version)
        write_truststore(root)
        java_client.install_java_client(root, cache, identifier, progress)
        manifest = Manifest(
            name=identifier.name,
            version=found.version,
            source=self.source,
            argv=java_client.java_argv(identifier),
            env=runtime_environment(identifier),
            binds=binds,
            client=java_client.CLIENT,
        )
        progress(Step(identifier.name, "archiving the client's classes", 0.8))
        return with_archive(manifest, directory)

    def _ruby(
        self, identifier: Identifier, directory: Path, cache: Path, packages: tuple[str, ...], progress: Progress
    ) -> Manifest:
        found = interpreters.find_ruby(identifier.version)
        if found is None:
            raise ImportFailed(f"no Ruby {identifier.version} was found on this machine")
        root = directory / "rootfs"
        binds = _make_root(directory) + _bind_interpreter(found, root, ("ruby",))
        client = install_ruby_client(root, cache, packages, identifier, progress)
        return ruby_manifest(identifier, self.source, found.version, client, binds)

    def _provided(
        self, identifier: Identifier, directory: Path, _cache: Path, _packages: tuple[str, ...], _progress: Progress
    ) -> Manifest:
        binds = _make_root(directory)
        return provided_manifest(identifier, directory, self.source, binds)


def refuse_packages(identifier: Identifier, packages: tuple[str, ...]) -> None:
    if packages and identifier.family not in ("python", "ruby"):
        raise ImportFailed("extra packages can be added to Python runtimes only")


def ruby_manifest(
    identifier: Identifier, source: str, version: str, client: str, binds: tuple[ManifestBind, ...] = ()
) -> Manifest:
    """A Ruby runtime: the same for every source."""
    return Manifest(
        name=identifier.name,
        version=version,
        source=source,
        argv=ruby_argv(),
        env=runtime_environment(identifier),
        binds=binds,
        client=client,
    )


def provided_manifest(
    identifier: Identifier, directory: Path, source: str, binds: tuple[ManifestBind, ...] = ()
) -> Manifest:
    """An OS-only runtime: the same for every source."""
    bootstrap = directory / "rootfs/var/runtime/bootstrap"
    bootstrap.write_bytes((Path(__file__).parent / "boot/bootstrap").read_bytes())
    bootstrap.chmod(0o755)
    return Manifest(
        name=identifier.name,
        version=identifier.version,
        source=source,
        argv=("/var/runtime/bootstrap",),
        env=runtime_environment(identifier),
        binds=binds,
    )


def _make_root(directory: Path) -> tuple[ManifestBind, ...]:
    """The skeleton, and the binds that carry the host's programs and libraries into it."""
    root = directory / "rootfs"
    make_skeleton(root)
    copy_host_configuration(root)
    (directory / EMPTY).mkdir()
    binds = [ManifestBind("/usr", "/usr")]
    if Path("/usr/local").is_dir():
        binds.append(ManifestBind(EMPTY, "/usr/local"))
    for name in _TOP_LEVEL:
        here = Path("/") / name
        if here.is_symlink():
            link(root / name, str(here.readlink()))
        elif here.is_dir():
            (root / name).mkdir()
            binds.append(ManifestBind(str(here), str(here)))
    return tuple(binds)


def _bind_interpreter(found: Interpreter, root: Path, names: tuple[str, ...]) -> tuple[ManifestBind, ...]:
    if not found.is_carried:
        return (ManifestBind(str(found.prefix), "/var/lang"),)
    for name in names:
        link(root / "var/lang/bin" / name, str(found.executable))
    return ()


def _python_packages(found: Interpreter, version: str) -> tuple[str, ...]:
    """Where other people's packages lie: a function must not come to depend on them."""
    prefix = "/usr" if found.is_system else "/var/lang"
    names = ["lib/python3/dist-packages"] if found.is_system else []
    names += [f"lib/python{version}/site-packages", f"lib64/python{version}/site-packages"]
    return tuple(
        f"{prefix}/{name}"
        for name in names
        if (found.prefix / name).is_dir() and not (found.prefix / name).parent.parent.is_symlink()
    )
