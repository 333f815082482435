"""A class data archive of AWS's Java client, made once when the runtime is installed: it halves what a start costs.

Java takes an archive only for the very paths it was made with, so the client is started once in the new root
filesystem, in a mount namespace of its own; it finds no Runtime API, ends, and leaves the archive. Where the machine
does not allow that the runtime does without. Must not know how the root filesystem was made.
"""

import os
import shutil
import subprocess
from pathlib import Path

import msgspec

from lamplighter.sandboxes.runtimes.manifest import Manifest

ARCHIVE = "/var/runtime/lib/runtime.jsa"
_SECONDS = 120
_BINDS = (("/proc", "/proc"), ("/dev", "/dev"))
# Any class that every Java has, with a method whose argument has the client load its JSON library.
_HANDLER = "java.util.LinkedHashMap::putAll"
_MEMORY_MIB = 512
_ENTER = """
set -e
root=$1; shift
mount --make-rprivate /
while [ "$1" != -- ]; do mount --rbind "$1" "$root$2"; shift 2; done
shift
exec chroot "$root" /usr/bin/env -C /var/task -i "$@"
"""


def with_archive(manifest: Manifest, directory: Path) -> Manifest:
    """The manifest with the archive in its command, if one could be made."""
    root = directory / manifest.root
    archive = root / ARCHIVE.lstrip("/")
    java, *arguments = (
        part.replace("{heap}", str(_MEMORY_MIB * 1024)).replace("{handler}", _HANDLER) for part in manifest.argv
    )
    binds = [(str(directory / bind.source), bind.target) for bind in manifest.binds]
    command = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    command += ["sh", "-c", _ENTER, "enter", str(root), *(part for bind in (*binds, *_BINDS) for part in bind), "--"]
    command += [f"{name}={value}" for name, value in _variables(manifest).items()]
    command += [java, f"-XX:ArchiveClassesAtExit={ARCHIVE}", "-XX:-UsePerfData", *arguments]
    try:
        subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        archive.unlink(missing_ok=True)
    _empty(root / "tmp")
    if not archive.exists():
        return manifest
    # What the archive does not fit (an own class path, another collector) is no concern of the function's log.
    options = (f"-XX:SharedArchiveFile={ARCHIVE}", "-Xlog:cds*=off")
    return msgspec.structs.replace(manifest, argv=(manifest.argv[0], *options, *manifest.argv[1:]))


def _variables(manifest: Manifest) -> dict[str, str]:
    """Enough for the client to start; nothing listens at port 1."""
    told = ("NAME", "VERSION", "LOG_GROUP_NAME", "LOG_STREAM_NAME")
    return {
        **manifest.env,
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(_MEMORY_MIB),
        "_HANDLER": _HANDLER,
        **{f"AWS_LAMBDA_FUNCTION_{name}": "archive" for name in told},
    }


def _empty(directory: Path) -> None:
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
