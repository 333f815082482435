"""Signature Version 4 as arithmetic: canonical request, string to sign, signing key, signature.

Shared by the verifier and by our own client. Pure: must not know keys, clocks or who is allowed what.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, unquote

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
EMPTY_DIGEST = hashlib.sha256(b"").hexdigest()
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_KEYS_CACHED = 1024
_BLOCK_BYTES = 64  # of SHA-256
# A path like this has neither empty nor dotted segments and reads the same encoded. Possessive: one look, no way back.
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*+)*+/?+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scope:
    """The credential scope: whose key, which day (YYYYMMDD), region and service."""

    access_key_id: str
    date: str
    region: str
    service: str
    text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Once, because the verifier keeps scopes and needs the text for every request.
        object.__setattr__(self, "text", f"{self.date}/{self.region}/{self.service}/{TERMINATOR}")


class KeyedHash:
    """HMAC-SHA-256 under one key, begun once: OpenSSL 3 spends 4 us on finding its own HMAC again each time."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= _BLOCK_BYTES else hashlib.sha256(key).digest()).ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(bytes([byte ^ 0x36 for byte in block]))
        self._outer = hashlib.sha256(bytes([byte ^ 0x5C for byte in block]))

    def hexdigest(self, message: bytes) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.hexdigest()


@lru_cache(maxsize=_KEYS_CACHED)
def signing_key(secret: str, date: str, region: str, service: str) -> KeyedHash:
    """The key derived for one day, region and service; cached, because it is the same for every request of a day."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return KeyedHash(key)


def canonical_path(raw_path: str, service: str) -> str:
    """The path as signed: S3 signs it as sent; every other service removes dot segments and encodes once more."""
    if service == "s3" or _PLAIN_PATH.fullmatch(raw_path):
        return raw_path
    if "//" in raw_path or "/." in raw_path:
        raw_path = _without_dot_segments(raw_path)
    return quote(raw_path, safe="/~")


def _without_dot_segments(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    ending = "/" if kept and (path.endswith(("/", "/.", "/.."))) else ""
    return "/" + "/".join(kept) + ending


def canonical_query(query: str) -> str:
    """The query sorted and encoded in the one normal form; the signature of a presigned URL is left out."""
    if not query:
        return ""
    pairs = [piece.partition("=") for piece in query.split("&") if piece]
    encoded = sorted((_normal(name), _normal(value)) for name, _, value in pairs if name != "X-Amz-Signature")
    return "&".join([f"{name}={value}" for name, value in encoded])


def _normal(text: str) -> str:
    return quote(unquote(text, errors="surrogateescape"), safe="-_.~", errors="surrogateescape")


@lru_cache(maxsize=_KEYS_CACHED)
def header_form(names: tuple[str, ...]) -> str:
    """The headers of these names as they are signed, a %s for each value: a client signs the same ones all day."""
    safe = [name.replace("%", "%%") for name in names]
    return "".join([f"{name}:%s\n" for name in safe]) + "\n" + ";".join(safe)


def canonical_request(
    method: str, path: str, query: str, headers: Mapping[str, str], signed_headers: Iterable[str], body_digest: str
) -> str:
    """The text that is hashed: `path` and `query` are canonical already, `headers` have lower-case names."""
    names = tuple(signed_headers)
    form = header_form(names)
    text = form % tuple(map(str.strip, map(headers.__getitem__, names)))
    if "  " in text or "\t" in text:
        text = form % tuple([" ".join(headers[name].split()) for name in names])
    return f"{method}\n{path}\n{query}\n{text}\n{body_digest}"


def signature(secret: str, scope: Scope, timestamp: str, request: str) -> str:
    """The hexadecimal signature of a canonical request."""
    # Header values come from latin-1 on the wire; clients sign the same bytes.
    digest = hashlib.sha256(request.encode("latin-1", "replace")).hexdigest()
    text = f"{ALGORITHM}\n{timestamp}\n{scope.text}\n{digest}"
    return signing_key(secret, scope.date, scope.region, scope.service).hexdigest(text.encode())
