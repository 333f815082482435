"""A blob is named by its content, complete or absent, and only removed when nobody keeps it."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from lamplighter.storage.blobs import BlobDamaged, BlobMissing, BlobStore
from tests.storage.trees import names


async def test_blob_is_named_by_its_content_and_comes_back(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path / "blobs")
    data = os.urandom(300_000)

    digest = await blobs.put(data)

    assert digest == hashlib.sha256(data).hexdigest()
    assert await blobs.get(digest) == data
    assert (blobs.size(digest), blobs.exists(digest)) == (300_000, True)
    assert blobs.path(digest).stat().st_mode & 0o777 == 0o600


async def test_same_content_is_stored_once(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path)

    assert await blobs.put(b"same") == await blobs.put(b"same")

    assert len(names(tmp_path, "??/*")) == 1


async def test_missing_and_damaged_blobs_are_told_apart(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path)
    digest = await blobs.put(b"content")
    blobs.path(digest).write_bytes(b"c0ntent")

    with pytest.raises(BlobDamaged):
        await blobs.get(digest)
    with pytest.raises(BlobMissing):
        await blobs.get("0" * 64)
    with pytest.raises(BlobMissing):
        blobs.size("0" * 64)


async def test_a_blob_cut_short_is_written_again(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path)
    digest = await blobs.put(b"content")
    blobs.path(digest).write_bytes(b"con")

    await blobs.put(b"content")

    assert await blobs.get(digest) == b"content"


async def test_half_written_blobs_are_removed_at_open(tmp_path: Path) -> None:
    BlobStore(tmp_path)
    (tmp_path / "temporary" / "left").write_bytes(b"half")

    BlobStore(tmp_path)

    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_digests_name_blobs(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a digest"):
        BlobStore(tmp_path).path(name)


async def test_sweep_removes_what_is_old_and_not_kept(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path)
    kept, old, fresh, renewed = [await blobs.put(text) for text in (b"kept", b"old", b"fresh", b"renewed")]
    for digest in (kept, old, renewed):
        os.utime(blobs.path(digest), (1000, 1000))
    await blobs.put(b"renewed")

    assert await blobs.sweep({kept}, before=time.time() - 60) == 1

    assert [blobs.exists(digest) for digest in (kept, old, fresh, renewed)] == [True, False, True, True]
