"""Where code comes from and what becomes of it: judged, stored durably, named by its digest.

A zip arrives in the request or from an object store; an image is a name for something kept elsewhere. Must not know
which function the code is for.
"""

import asyncio
import base64
import hashlib
from collections.abc import Callable
from typing import Protocol

from lamplighter.aws.errors import InvalidParameterValueException
from lamplighter.aws.operation import Request
from lamplighter.kernel.limits import Limits
from lamplighter.resources.functions.model import CodeReference
from lamplighter.resources.functions.rules import check_unzipped_size, check_zip_size
from lamplighter.storage.zip_extractor import PackageRefused, PackageSummary, Refusal

Inspect = Callable[[bytes], PackageSummary]

# A directory of 34,000 entries takes 0.6 s to read: invokes must not wait for that, small packages not for a thread.
_QUICKLY_JUDGED_BYTES = 64 * 1024


class Blobs(Protocol):
    """Where zips are kept."""

    async def put(self, data: bytes) -> str:
        """Store durably; the digest in hexadecimal."""
        ...


class ObjectSource(Protocol):
    """An object store that S3Bucket and S3Key point into."""

    async def fetch(self, bucket: str, key: str, version: str | None) -> bytes:
        """The object. Raises ObjectMissing."""
        ...


class ObjectMissing(Exception):
    """The object store's refusal, in S3's own code and words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class NoObjectSource:
    """The object store of a server that has none: every bucket is missing."""

    async def fetch(self, bucket: str, key: str, version: str | None) -> bytes:
        raise ObjectMissing("NoSuchBucket", "The specified bucket does not exist")


class CodeStore:
    """Takes code in."""

    def __init__(self, blobs: Blobs, inspect: Inspect, objects: ObjectSource, limits: Limits) -> None:
        self._blobs = blobs
        self._inspect = inspect
        self._objects = objects
        self._limits = limits

    async def take_zip(self, source: Request) -> CodeReference:
        """The zip that `source` (FunctionCode, LayerVersionContentInput, UpdateFunctionCode) holds or points to."""
        data = await self._read(source)
        in_a_thread = len(data) > _QUICKLY_JUDGED_BYTES
        unzipped = await asyncio.to_thread(self._judge, data) if in_a_thread else self._judge(data)
        digest = await self._blobs.put(data)
        sha256 = base64.b64encode(bytes.fromhex(digest)).decode()
        return CodeReference(digest=digest, sha256=sha256, size=len(data), unzipped_size=unzipped)

    async def _read(self, source: Request) -> bytes:
        zip_file: bytes | None = source.get("ZipFile")
        bucket, key = source.get("S3Bucket"), source.get("S3Key")
        if zip_file is not None:
            if bucket or key or source.get("S3ObjectVersion"):
                raise InvalidParameterValueException(
                    "Please do not provide other FunctionCode parameters when providing a ZipFile."
                )
            check_zip_size(len(zip_file), self._limits)
            return zip_file
        if not bucket or not key:
            raise InvalidParameterValueException("Please provide a source for function code.")
        try:
            return await self._objects.fetch(bucket, key, source.get("S3ObjectVersion"))
        except ObjectMissing as missing:
            raise InvalidParameterValueException(
                f"Error occurred while GetObject. S3 Error Code: {missing.code}. S3 Error Message: {missing.message}"
            ) from missing

    def _judge(self, data: bytes) -> int:
        """The unzipped size of an acceptable package."""
        try:
            summary = self._inspect(data)
        except PackageRefused as refused:
            if refused.reason is Refusal.TOO_LARGE:
                check_unzipped_size(self._limits.unzipped_code_bytes, self._limits)
            if refused.reason is Refusal.EMPTY:
                raise InvalidParameterValueException("Uploaded file must be a non-empty zip") from refused
            raise InvalidParameterValueException(
                "Could not unzip uploaded file. Please check your file, then try to upload again."
            ) from refused
        check_unzipped_size(summary.unzipped_bytes, self._limits)
        return summary.unzipped_bytes


def refer_to_image(uri: str) -> CodeReference:
    """What stands for an image: the digest in its URI, or one of the URI itself until a registry is asked."""
    _, separator, digest = uri.partition("@sha256:")
    sha256 = digest if separator else hashlib.sha256(uri.encode()).hexdigest()
    return CodeReference(digest="", sha256=sha256, size=0)


def resolve_image(uri: str, code: CodeReference) -> str:
    """The URI by digest."""
    repository = uri.partition("@")[0]
    head, separator, tail = repository.rpartition(":")
    if separator and "/" not in tail:
        repository = head
    return f"{repository}@sha256:{code.sha256}"
