"""runtime.json: the manifest beside a runtime's root filesystem, in a versioned format.

A bind's relative source and the root lie inside the runtime's own directory, so a runtime directory can be moved.
Must not know importers, nor where runtimes are kept.
"""

from pathlib import Path

import msgspec

from lamplighter.sandboxes.runtimes.runtime import Runtime
from lamplighter.sandboxes.sandbox import Bind

FORMAT = 1
FILE_NAME = "runtime.json"


class ManifestBind(msgspec.Struct, frozen=True, omit_defaults=True):
    """A read-only bind; `source` is absolute, or relative to the runtime's directory."""

    source: str
    target: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an importer hands over. `client` tells the runtime interface client and its version, for people."""

    format: int = FORMAT
    name: str
    version: str
    source: str
    argv: tuple[str, ...]
    env: dict[str, str] = {}
    binds: tuple[ManifestBind, ...] = ()
    root: str = "rootfs"
    may_be_zygote: bool = False
    client: str = ""


class ManifestRefused(ValueError):
    """The manifest is damaged, or in a format of a newer release."""


def encode(manifest: Manifest) -> bytes:
    fields = {"format": FORMAT} | msgspec.to_builtins(manifest)
    return msgspec.json.format(msgspec.json.encode(fields), indent=2) + b"\n"


def decode(data: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise ManifestRefused(f"{FILE_NAME} cannot be read: {error}") from error
    if manifest.format > FORMAT:
        raise ManifestRefused(f"{FILE_NAME} has format {manifest.format}; this release reads up to {FORMAT}")
    return manifest


def to_runtime(manifest: Manifest, directory: Path) -> Runtime:
    return Runtime(
        name=manifest.name,
        version=manifest.version,
        source=manifest.source,
        root=directory / manifest.root,
        binds=tuple(Bind(directory / bind.source, bind.target) for bind in manifest.binds),
        argv=manifest.argv,
        env=manifest.env,
        may_be_zygote=manifest.may_be_zygote,
    )
