"""Fetching packages through their registries' ordinary clients into a cache, checked against pinned digests.

pip brings Python packages as wheels for whatever interpreter they are meant for; npm, or plain HTTPS where npm is
not installed, brings single npm packages. No install script of any package is ever run. Must not know runtimes.
"""

import base64
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from lamplighter.sandboxes.runtimes.importer import ImportFailed

_NPM_REGISTRY = "https://registry.npmjs.org"
_SECONDS = 600
_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class NpmPackage:
    """One package of the npm registry, pinned by version and SHA-512 (base64, as `npm view ... dist.integrity`)."""

    name: str
    version: str
    sha512: str

    @property
    def file_name(self) -> str:
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


def run(argv: list[str], *, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a tool of an installation and return what it printed; its last words are the reason when it fails."""
    environment = None if env is None else {**os.environ, **env}
    try:
        done = subprocess.run(
            argv, cwd=cwd, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise ImportFailed(f"{argv[0]} is not installed on this machine") from error
    except subprocess.TimeoutExpired as error:
        raise ImportFailed(f"{argv[0]} did not finish within {_SECONDS} seconds") from error
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()[-8:]
        raise ImportFailed(f"{' '.join(argv[:3])} failed: " + "\n".join(words))
    return done.stdout


def install_python_packages(requirements: tuple[str, ...], version: str, target: Path, cache: Path) -> None:
    """Install wheels for CPython `version` of this machine's architecture into `target`."""
    machine = platform.machine()
    platforms = [f"manylinux{tag}_{machine}" for tag in ("_2_34", "_2_28", "_2_17", "2014")] + [f"linux_{machine}"]
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    argv += ["--no-compile", "--root-user-action=ignore", "--cache-dir", str(cache / "pip"), "--target", str(target)]
    argv += ["--implementation", "cp", "--python-version", version, "--only-binary=:all:"]
    for name in platforms:
        argv += ["--platform", name]
    run([*argv, *requirements])


def fetch_npm_package(package: NpmPackage, cache: Path) -> Path:
    """The package's archive in the cache, downloaded unless it is there already."""
    kept = cache / "npm" / package.file_name
    if kept.exists() and _sha512(kept) == package.sha512:
        return kept
    incoming = cache / "npm" / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    partial = incoming / package.file_name
    partial.unlink(missing_ok=True)
    _fetch_npm(package, partial)
    if _sha512(partial) != package.sha512:
        partial.unlink()
        raise ImportFailed(f"{package.name} {package.version} is not what was published: its SHA-512 differs")
    partial.replace(kept)
    return kept


def _fetch_npm(package: NpmPackage, path: Path) -> None:
    try:
        run(["npm", "pack", "--silent", "--ignore-scripts", f"{package.name}@{package.version}"], cwd=path.parent)
    except ImportFailed:
        if path.exists():
            return
    if path.exists():
        return
    registry = os.environ.get("NPM_CONFIG_REGISTRY", _NPM_REGISTRY).rstrip("/")
    url = f"{registry}/{package.name}/-/{package.name.rpartition('/')[2]}-{package.version}.tgz"
    download(url, path)


def download(url: str, path: Path) -> None:
    """One file by HTTPS; who asks checks what came."""
    if not url.startswith("https://"):
        raise ImportFailed(f"{url} is not an https:// address")
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, path.open("wb") as file:  # noqa: S310  # https only
            while chunk := answer.read(_COPY_BYTES):
                file.write(chunk)
    except (urllib.error.URLError, OSError) as error:
        raise ImportFailed(f"cannot download {url}: {error}") from error


def _sha512(path: Path) -> str:
    with path.open("rb") as file:
        return base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()


def unpack(archive: Path, target: Path, members: tuple[str, ...] = (), *, leading: bool = True) -> None:
    """Unpack an npm archive without its leading `package/`; only paths starting with one of `members`, if given.

    With `leading` false there is no such folder to leave out. Such an archive holds regular files only. Debian 12's
    Python has no extraction filters, so anything else, and whatever would leave `target`, is refused here.
    """
    target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            inner = member.name.partition("/")[2] if leading else member.name
            if not inner or member.isdir() or (members and not inner.startswith(members)):
                continue
            content = tar.extractfile(member) if member.isreg() else None
            if content is None or inner.startswith("/") or ".." in Path(inner).parts:
                raise ImportFailed(f"{archive.name} holds {member.name!r}, which is no ordinary file of a package")
            path = target / inner
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                shutil.copyfileobj(content, file, _COPY_BYTES)
            path.chmod(0o755 if member.mode & 0o100 else 0o644)


def npm_architecture() -> str:
    machine = platform.machine()
    known = {"x86_64": "x64", "aarch64": "arm64"}
    if machine not in known:
        raise ImportFailed(f"there is no Node.js build for {machine}; use a runtime directory of your own")
    return known[machine]
