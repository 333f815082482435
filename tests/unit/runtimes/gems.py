"""Gems for tests: archives as RubyGems makes them, with the digest of their files beside them."""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path


def _archive(members: dict[str, bytes], mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]  # a mode by name
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def make_gem(path: Path, files: dict[str, str], *, digest: str = "") -> Path:
    """A gem of these files; `digest` is told instead of the right one."""
    data = _archive({name: text.encode() for name, text in files.items()}, "w:gz")
    told = digest or hashlib.sha256(data).hexdigest()
    checksums = f"---\nSHA256:\n  metadata.gz: {'0' * 64}\n  data.tar.gz: {told}\nSHA512:\n  data.tar.gz: 1\n"
    members = {"metadata.gz": b"", "data.tar.gz": data, "checksums.yaml.gz": gzip.compress(checksums.encode())}
    path.write_bytes(_archive(members, "w"))
    return path
