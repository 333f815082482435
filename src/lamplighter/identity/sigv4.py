"""The Signature Version 4 verifier: who sent this request, proven by their secret key, in AWS's own words when not.

Accepts the Authorization header and presigned queries. Decides purely from (request, body digest, keys, now); the
caller hashes the body (`body_digest`), because a large one belongs in a thread. Must not know what the request asks.
"""

import asyncio
import hashlib
import hmac
import re
from base64 import b64encode
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import unquote

import msgspec

from lamplighter.aws.errors import (
    AwsError,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)
from lamplighter.identity.canonical import (
    ALGORITHM,
    EMPTY_DIGEST,
    TERMINATOR,
    UNSIGNED_PAYLOAD,
    Scope,
    canonical_path,
    canonical_query,
    canonical_request,
    header_form,
    signature,
    signing_key,
)
from lamplighter.identity.context import Principal
from lamplighter.identity.keys import AccessKey, KeyRing
from lamplighter.wire.http_message import HttpRequest

INLINE_HASH_BYTES = 65_536
_UNSIGNED_BODY_SERVICES = frozenset({"s3"})
_LONG_SKEW_SERVICES = frozenset({"s3"})
_SKEW_MINUTES = 5
_SKEW_SECONDS = _SKEW_MINUTES * 60
_LONG_SKEW_MINUTES = 15
_LONGEST_EXPIRY_SECONDS = 604_800
_SCOPE_PARTS = 5
_REMEMBERED_CHARACTERS = 1024
_REGION = re.compile(r"[a-z]{2}(-[a-z]+){1,3}-[0-9]{1,2}", re.ASCII)
_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z", re.ASCII)

_kept_path = lru_cache(maxsize=1024)(canonical_path)

_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


class Caller(msgspec.Struct, frozen=True):
    """Who calls, and the region and service that the signature was made for."""

    principal: Principal
    region: str
    service: str


class _Claims(msgspec.Struct, frozen=True):
    """What an Authorization header says before its signature: the same all day for one client.

    `form` is how the signed headers are written.
    """

    signed_headers: tuple[str, ...]
    scope: Scope
    form: str


class SignedParts(msgspec.Struct, frozen=True):
    """What a request claims about its own signature. `expires` in seconds for a presigned query, else None."""

    credential: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    session_token: str | None
    expires: int | None


async def body_digest(body: bytes) -> str:
    """SHA-256 of a body: at once when small, in a thread (hashlib lets others run) when large."""
    if not body:
        return EMPTY_DIGEST
    if len(body) <= INLINE_HASH_BYTES:
        return hashlib.sha256(body).hexdigest()
    return (await asyncio.to_thread(hashlib.sha256, body)).hexdigest()


def is_presigned(request: HttpRequest) -> bool:
    return "X-Amz-Algorithm=" in request.query


def claimed_scope(request: HttpRequest) -> Scope | None:
    """The credential scope a request claims, unproven; None when it claims none that can be read."""
    header = request.headers.get("authorization", "")
    if header:
        credential = _header_fields(header).get("Credential", "")
    else:
        credential = _query_fields(request.query).get("X-Amz-Credential", "")
    parts = credential.rsplit("/", _SCOPE_PARTS - 1)
    return Scope(*parts[:4]) if len(parts) == _SCOPE_PARTS else None


class SignatureVerifier:
    """Proves requests against a key ring."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def verify(self, request: HttpRequest, digest: str, now: float) -> Caller:
        """The caller, or the AWS error that says what is wrong. `digest` is the hex SHA-256 of the body."""
        return self._verify_usual(request, digest, now) or self._verify_closely(request, digest, now)

    def _verify_usual(self, request: HttpRequest, digest: str, now: float) -> Caller | None:
        """The same decision as below in one go, for a request that is right and signed as SDKs do it.

        None for every other request: only the closer look refuses.
        """
        headers, path = request.headers, request.path
        start, _, proof = headers.get("authorization", "").rpartition("Signature=")
        claims = _read_claims(start) if len(start) < _REMEMBERED_CHARACTERS else None
        stamp = headers.get("x-amz-date", "")
        signed_at = _parse_time(stamp)
        if claims is None or signed_at is None or len(path) > _REMEMBERED_CHARACTERS:
            return None
        scope = claims.scope
        key = self._keys.find(scope.access_key_id)
        token = headers.get("x-amz-security-token")
        if key is None or (token is not key.session_token and not _has_token(key, token)):
            return None
        if not stamp.startswith(scope.date) or not -_SKEW_SECONDS <= now - signed_at <= _SKEW_SECONDS:
            return None
        if headers.get("x-amz-content-sha256", digest) != digest or request.query or not proof.isascii():
            return None
        _check_signed_headers(claims.signed_headers, tuple(headers))
        lines = claims.form % tuple(map(str.strip, map(headers.__getitem__, claims.signed_headers)))
        if "  " in lines or "\t" in lines:
            return None
        text = f"{request.method}\n{_kept_path(path, scope.service)}\n\n{lines}\n{digest}"
        hashed = hashlib.sha256(text.encode("latin-1", "replace")).hexdigest()
        text = f"{ALGORITHM}\n{stamp}\n{scope.text}\n{hashed}"
        signed = signing_key(key.secret_access_key, scope.date, scope.region, scope.service).hexdigest(text.encode())
        return Caller(key.principal, scope.region, scope.service) if hmac.compare_digest(signed, proof) else None

    def _verify_closely(self, request: HttpRequest, digest: str, now: float) -> Caller:
        header = request.headers.get("authorization")
        parts = _read_query_parts(request) if header is None else _read_header(request.headers, header)
        scope = _read_scope(parts.credential)
        key = self._keys.find(scope.access_key_id)
        if key is None or (parts.session_token is not key.session_token and not _has_token(key, parts.session_token)):
            raise UnrecognizedClientException("The security token included in the request is invalid.")
        if scope.date != parts.timestamp[:8]:
            raise _wrong_date(scope, parts.timestamp)
        _check_time(parts, scope.service, now)
        _check_signed_headers(parts.signed_headers, tuple(request.headers))
        self._check_signature(request, parts, scope, key, digest)
        return Caller(key.principal, scope.region, scope.service)

    def _check_signature(
        self, request: HttpRequest, parts: SignedParts, scope: Scope, key: AccessKey, digest: str
    ) -> None:
        headers, query = request.headers, request.query
        if "x-amz-content-sha256" in headers or parts.expires is not None:
            digest = _signed_digest(request, parts, scope, digest)
        path = canonical_path(request.path, scope.service)
        query = canonical_query(query) if query else ""
        text = canonical_request(request.method, path, query, headers, parts.signed_headers, digest)
        expected = signature(key.secret_access_key, scope, parts.timestamp, text)
        if not _same(expected, parts.signature):
            raise InvalidSignatureException(_MISMATCH)


def _same(left: str, right: str) -> bool:
    if left.isascii() and right.isascii():
        return hmac.compare_digest(left, right)
    return hmac.compare_digest(left.encode("utf-8", "surrogateescape"), right.encode("utf-8", "surrogateescape"))


def _has_token(key: AccessKey, claimed: str | None) -> bool:
    if key.session_token is None or claimed is None:
        return key.session_token is claimed
    return _same(key.session_token, claimed)


# --- reading the claims


def _read_query_parts(request: HttpRequest) -> SignedParts:
    """Of a request without an Authorization header."""
    if is_presigned(request):
        return _read_query(request)
    raise MissingAuthenticationTokenException("Missing Authentication Token")


def _header_fields(header: str) -> dict[str, str]:
    """The key=value pairs behind the algorithm; empty when a pair is given twice, since then none can be trusted."""
    _, _, rest = header.partition(" ")
    pairs = [piece.strip().partition("=") for piece in rest.split(",")]
    fields = {name: value for name, _, value in pairs}
    return fields if len(fields) == len(pairs) else {}


@lru_cache(maxsize=1024)
def _read_claims(start: str) -> _Claims | None:
    """The claims of a header that goes on with nothing but its signature; None where they need a closer look."""
    fields = _header_fields(start + "Signature=-")
    if fields.get("Signature") != "-" or not start.startswith(ALGORITHM + " "):
        return None
    credential, signed_headers = fields.get("Credential"), fields.get("SignedHeaders")
    if not (credential and signed_headers):
        return None
    names = tuple(signed_headers.split(";"))
    try:
        scope = _read_scope(credential)
    except AwsError:
        return None
    if scope.service in _UNSIGNED_BODY_SERVICES | _LONG_SKEW_SERVICES:
        return None
    return _Claims(names, scope, header_form(names))


def _read_header(headers: dict[str, str], header: str) -> SignedParts:
    fields = _header_fields(header)
    credential, proof = fields.get("Credential"), fields.get("Signature")
    signed_headers = fields.get("SignedHeaders")
    is_dated = "x-amz-date" in headers or "date" in headers
    if not (credential and proof and signed_headers and is_dated and header.startswith(ALGORITHM + " ")):
        raise _incomplete(header, fields, is_dated=is_dated)
    token = headers.get("x-amz-security-token")
    return SignedParts(credential, tuple(signed_headers.split(";")), proof, _timestamp(headers), token, None)


def _incomplete(header: str, fields: dict[str, str], *, is_dated: bool) -> IncompleteSignatureException:
    if not header.startswith(ALGORITHM + " "):
        complaints = [f"Authorization header requires the algorithm '{ALGORITHM}'."]
    else:
        names = ("Credential", "Signature", "SignedHeaders")
        complaints = [f"Authorization header requires '{name}' parameter." for name in names if not fields.get(name)]
        if not is_dated:
            complaints.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    return IncompleteSignatureException(f"{' '.join(complaints)} {_shown(header)}")


def _shown(header: str) -> str:
    """AWS shows a hash of the header instead of the header, which may hold secrets in the wrong place."""
    digest = b64encode(hashlib.sha256(header.encode()).digest()).decode()
    return f"(Hashed with SHA-256 and encoded with Base64) Authorization={digest}"


def _timestamp(headers: dict[str, str]) -> str:
    stamp = headers.get("x-amz-date")
    if stamp is None:
        try:
            stamp = parsedate_to_datetime(headers["date"]).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        except ValueError:
            stamp = headers["date"]
    return _checked_timestamp(stamp)


def _checked_timestamp(stamp: str) -> str:
    if _parse_time(stamp) is None:
        raise IncompleteSignatureException(
            f"Date must be in ISO-8601 'basic format'. Got '{stamp}'. See http://en.wikipedia.org/wiki/ISO_8601"
        )
    return stamp


def _query_fields(query: str) -> dict[str, str]:
    return {name: unquote(value) for name, _, value in (piece.partition("=") for piece in query.split("&"))}


def _read_query(request: HttpRequest) -> SignedParts:
    fields = _query_fields(request.query)
    names = ("X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires")
    complaints = [f"AWS query-string parameters must include '{name}'." for name in names if not fields.get(name)]
    if fields.get("X-Amz-Algorithm") != ALGORITHM:
        complaints.append(f"AWS query-string parameter 'X-Amz-Algorithm' must be '{ALGORITHM}'.")
    expires = fields.get("X-Amz-Expires", "")
    if expires and not (expires.isascii() and expires.isdigit() and 0 < int(expires) <= _LONGEST_EXPIRY_SECONDS):
        complaints.append(f"'X-Amz-Expires' must be a number of seconds from 1 to {_LONGEST_EXPIRY_SECONDS}.")
    if complaints:
        raise IncompleteSignatureException(f"{' '.join(complaints)} Re-examine the query-string parameters.")
    return SignedParts(
        fields["X-Amz-Credential"],
        tuple(fields["X-Amz-SignedHeaders"].split(";")),
        fields["X-Amz-Signature"],
        _checked_timestamp(fields["X-Amz-Date"]),
        fields.get("X-Amz-Security-Token"),
        int(expires),
    )


@lru_cache(maxsize=1024)
def _read_scope(credential: str) -> Scope:
    parts = credential.split("/")
    if len(parts) != _SCOPE_PARTS:
        raise IncompleteSignatureException(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{credential}'."
        )
    if parts[4] != TERMINATOR:
        raise InvalidSignatureException(
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{parts[4]}'."
        )
    if not _REGION.fullmatch(parts[2]):
        raise InvalidSignatureException("Credential should be scoped to a valid region.")
    return Scope(*parts[:4])


# --- checking the claims


def _wrong_date(scope: Scope, timestamp: str) -> InvalidSignatureException:
    return InvalidSignatureException(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'{scope.date}' != '{timestamp[:8]}', from '{timestamp}'."
    )


@lru_cache(maxsize=1024)
def _parse_time(stamp: str) -> float | None:
    """Seconds since 1970, or None. By hand and cached: strptime costs as much as all the rest of a verification."""
    if not _DATE.fullmatch(stamp):
        return None
    date, time = (int(stamp[:4]), int(stamp[4:6]), int(stamp[6:8])), (int(stamp[9:11]), int(stamp[11:13]))
    try:
        return datetime(*date, *time, int(stamp[13:15]), tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _check_time(parts: SignedParts, service: str, now: float) -> None:
    minutes = _LONG_SKEW_MINUTES if service in _LONG_SKEW_SERVICES else _SKEW_MINUTES
    signed_at = _parse_time(parts.timestamp)
    if signed_at is None:
        raise InvalidSignatureException(_MISMATCH)
    valid = minutes * 60 if parts.expires is None else parts.expires
    if now - signed_at > valid:
        span = f"{minutes} min." if parts.expires is None else f"{parts.expires} sec."
        raise InvalidSignatureException(
            f"Signature expired: {parts.timestamp} is now earlier than {_stamp(now - valid)} ({_stamp(now)} - {span})"
        )
    if signed_at - now > minutes * 60:
        raise InvalidSignatureException(
            f"Signature not yet current: {parts.timestamp} is still later than {_stamp(now + minutes * 60)} "
            f"({_stamp(now)} + {minutes} min.)"
        )


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y%m%dT%H%M%SZ")


@lru_cache(maxsize=128)
def _check_signed_headers(signed_headers: tuple[str, ...], names: tuple[str, ...]) -> None:
    """`names` are all of the request's headers; a client sends the same ones again and again."""
    signed = frozenset(signed_headers)
    if "host" not in signed:
        raise InvalidSignatureException("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    unsigned = sorted(name for name in names if name.startswith("x-amz-") and name not in signed)
    if unsigned:
        raise InvalidSignatureException(
            f"There were headers present in the request which were not signed: {', '.join(unsigned)}."
        )
    absent = sorted(signed.difference(names))
    if absent:
        raise InvalidSignatureException(f"Signed headers are missing in the request: {', '.join(absent)}.")


def _signed_digest(request: HttpRequest, parts: SignedParts, scope: Scope, digest: str) -> str:
    """The body digest that goes into the signature: always the real one, but where AWS lets a body go unsigned."""
    claimed = request.headers.get("x-amz-content-sha256")
    if scope.service in _UNSIGNED_BODY_SERVICES and (claimed == UNSIGNED_PAYLOAD or parts.expires is not None):
        return UNSIGNED_PAYLOAD
    if claimed is not None and not _same(claimed, digest):
        raise InvalidSignatureException(_MISMATCH)
    return digest
