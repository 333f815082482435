"""Signature Version 4 as arithmetic: canonical request, string to sign, signing key, signature.

Shared by the verifier and by our own client. Pure: must not know keys, clocks or who is allowed what.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
EMPTY_DIGEST = hashlib.sha256(b"").hexdigest()
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_KEYS_CACHED = 1024


@dataclass(frozen=True, slots=True)
class Scope:
    """The credential scope: whose key, which day (YYYYMMDD), region and service."""

    access_key_id: str
    date: str
    region: str
    service: str

    @property
    def text(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


@lru_cache(maxsize=_KEYS_CACHED)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key derived for one day, region and service; cached, because it is the same for every request of a day."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def canonical_path(raw_path: str, service: str) -> str:
    """The path as signed: S3 signs it as sent; every other service removes dot segments and encodes once more."""
    if service == "s3":
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


def canonical_request(
    method: str, path: str, query: str, headers: Mapping[str, str], signed_headers: Iterable[str], body_digest: str
) -> str:
    """The text that is hashed: `path` and `query` are canonical already, `headers` have lower-case names."""
    names = tuple(signed_headers)
    lines = "".join([f"{name}:{_trimmed(headers[name])}\n" for name in names])
    return f"{method}\n{path}\n{query}\n{lines}\n{';'.join(names)}\n{body_digest}"


def _trimmed(value: str) -> str:
    """Without outer and doubled spaces; most values have none, and looking is quicker than splitting."""
    return " ".join(value.split()) if "  " in value or "\t" in value else value.strip()


def signature(secret: str, scope: Scope, timestamp: str, request: str) -> str:
    """The hexadecimal signature of a canonical request."""
    # Header values come from latin-1 on the wire; clients sign the same bytes.
    digest = hashlib.sha256(request.encode("latin-1", "replace")).hexdigest()
    text = f"{ALGORITHM}\n{timestamp}\n{scope.text}\n{digest}"
    key = signing_key(secret, scope.date, scope.region, scope.service)
    return hmac.digest(key, text.encode(), "sha256").hex()
