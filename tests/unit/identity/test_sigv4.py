"""Signature Version 4: whatever botocore signs verifies, nothing else does, and AWS's words say why."""

import datetime as dt
import hashlib
import time
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lamplighter.aws.errors import (
    AwsError,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)
from lamplighter.identity.canonical import canonical_query
from lamplighter.identity.keys import AccessKey, RootKeyRing, root_principal
from lamplighter.identity.signer import sign
from lamplighter.identity.sigv4 import Caller, SignatureVerifier, body_digest, claimed_scope
from lamplighter.wire.http_message import HttpRequest

KEY_ID, SECRET, ACCOUNT = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "123456789012"
TOKEN = "FwoGZXIvYXdzEBYaD+/="
PERMANENT = AccessKey(KEY_ID, SECRET, root_principal(ACCOUNT, KEY_ID))
TEMPORARY = AccessKey("ASIAIOSFODNN7EXAMPLE", SECRET, root_principal(ACCOUNT, "ASIAIOSFODNN7EXAMPLE"), TOKEN)
VERIFIER = SignatureVerifier(RootKeyRing(PERMANENT, TEMPORARY))

SEGMENTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
PATHS = st.lists(SEGMENTS.filter(lambda text: text not in (".", "..")), max_size=5).map(
    lambda parts: "/" + "/".join(quote(part, safe="-_.~") for part in parts)
)
QUERIES = st.lists(st.tuples(SEGMENTS, st.one_of(st.just(""), SEGMENTS)), max_size=4).map(
    lambda pairs: "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)
EXTRA_HEADERS = st.dictionaries(
    st.sampled_from(["X-Amz-Invocation-Type", "X-Amz-Log-Type", "X-Amz-Client-Context", "Content-Type", "X-Own"]),
    VALUES,
)
BODIES = st.binary(max_size=200)


def as_received(signed: AWSRequest, body: bytes) -> HttpRequest:
    """The request as the listener would see it."""
    parts = urlsplit(str(signed.url))
    headers = {name.lower(): str(value) for name, value in signed.headers.items()}
    headers.setdefault("host", str(parts.netloc))
    return HttpRequest(str(signed.method), str(parts.path) or "/", str(parts.query), headers, body, "127.0.0.1")


def signed_by_botocore(
    method: str = "POST",
    path: str = "/2015-03-31/functions",
    query: str = "",
    headers: dict[str, str] | None = None,
    body: bytes = b"{}",
    *,
    key: AccessKey = PERMANENT,
    service: str = "lambda",
    auth: type[SigV4Auth] = SigV4Auth,
) -> HttpRequest:
    url = f"http://127.0.0.1:4566{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers or {}))
    auth(Credentials(key.access_key_id, key.secret_access_key, key.session_token), service, "eu-west-1").add_auth(
        request
    )
    return as_received(request, body)


def digest_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def verify(request: HttpRequest, now: float | None = None) -> Caller:
    return VERIFIER.verify(request, digest_of(request.body), time.time() if now is None else now)


def changed(request: HttpRequest, **parts: object) -> HttpRequest:
    fields = {name: getattr(request, name) for name in request.__struct_fields__}
    return HttpRequest(**{**fields, **parts})


def with_header(request: HttpRequest, name: str, value: str | None) -> HttpRequest:
    headers = {**request.headers, name: value or ""}
    if value is None:
        del headers[name]
    return changed(request, headers=headers)


@given(path=PATHS, query=QUERIES, headers=EXTRA_HEADERS, body=BODIES, key=st.sampled_from([PERMANENT, TEMPORARY]))
@settings(max_examples=200, deadline=None)
def test_whatever_botocore_signs_in_headers_verifies(
    path: str, query: str, headers: dict[str, str], body: bytes, key: AccessKey
) -> None:
    caller = verify(signed_by_botocore("POST", path, query, headers, body, key=key))

    assert (caller.principal.account_id, caller.region, caller.service) == (ACCOUNT, "eu-west-1", "lambda")


@given(path=PATHS, query=QUERIES, key=st.sampled_from([PERMANENT, TEMPORARY]))
@settings(max_examples=100, deadline=None)
def test_whatever_botocore_presigns_verifies(path: str, query: str, key: AccessKey) -> None:
    caller = verify(signed_by_botocore("GET", path, query, body=b"", key=key, auth=SigV4QueryAuth))

    assert caller.principal.access_key_id == key.access_key_id


def test_s3_signatures_verify_with_signed_and_unsigned_bodies() -> None:
    signed = signed_by_botocore("PUT", "/bucket/a%20b//c", body=b"data", service="s3", auth=S3SigV4Auth)
    assert verify(signed).service == "s3"


def mutations(request: HttpRequest) -> Iterator[HttpRequest]:
    """One byte changed at every position of every part that the signature covers."""
    for position in range(1, len(request.path)):
        yield changed(request, path=flip(request.path, position))
    for position in range(len(request.body)):
        body = bytearray(request.body)
        body[position] ^= 1
        yield changed(request, body=bytes(body))
    for name in ("authorization", "host", "x-amz-date", "x-amz-invocation-type"):
        for position in range(len(request.headers[name])):
            yield with_header(request, name, flip(request.headers[name], position))
    yield changed(request, method="PUT")
    yield changed(request, query=request.query + "&x")
    for position in range(len(request.query)):
        yield changed(request, query=flip(request.query, position))


def flip(text: str, position: int) -> str:
    return text[:position] + chr(ord(text[position]) ^ 1) + text[position + 1 :]


@pytest.mark.parametrize("query", ["", "Qualifier=1"])
def test_every_one_byte_mutation_fails(query: str) -> None:
    request = signed_by_botocore(
        path="/2015-03-31/functions/f/invocations", query=query, headers={"X-Amz-Invocation-Type": "Event"}
    )
    verify(request)

    count = 0
    for mutated in mutations(request):
        count += 1
        with pytest.raises(AwsError):
            verify(mutated)
    assert count > 250


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_presigned_byte_changed_fails(data: st.DataObject) -> None:
    request = signed_by_botocore("GET", "/2015-03-31/functions", "MaxItems=3", body=b"", auth=SigV4QueryAuth)
    position = data.draw(st.integers(0, len(request.query) - 1))
    byte = data.draw(st.characters(min_codepoint=33, max_codepoint=126))
    mutated = request.query[:position] + byte + request.query[position + 1 :]
    assume(canonical_query(mutated) != canonical_query(request.query) or "X-Amz-Signature" in mutated[:position])
    assume(mutated != request.query)

    with pytest.raises(AwsError):
        verify(changed(request, query=mutated))


def test_a_wrong_secret_is_refused_with_awss_words() -> None:
    other = AccessKey(KEY_ID, "x" * 40, PERMANENT.principal)

    with pytest.raises(InvalidSignatureException) as caught:
        verify(signed_by_botocore(key=other))

    assert caught.value.status == 403
    assert caught.value.message == (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details."
    )


def test_an_unknown_key_is_refused_with_awss_words() -> None:
    other = AccessKey("AKIANOTKNOWN", SECRET, PERMANENT.principal)

    with pytest.raises(UnrecognizedClientException) as caught:
        verify(signed_by_botocore(key=other))

    assert caught.value.status == 403
    assert caught.value.message == "The security token included in the request is invalid."


def test_no_signature_at_all_is_a_missing_token() -> None:
    with pytest.raises(MissingAuthenticationTokenException) as caught:
        verify(HttpRequest("GET", "/", "", {"host": "h"}, b"", ""))

    assert (caught.value.status, caught.value.message) == (403, "Missing Authentication Token")


@pytest.mark.parametrize("token", [None, "another"])
def test_temporary_keys_need_their_session_token(token: str | None) -> None:
    wrong = AccessKey(TEMPORARY.access_key_id, SECRET, TEMPORARY.principal, token)

    with pytest.raises(UnrecognizedClientException):
        verify(signed_by_botocore(key=wrong))


def test_a_session_token_on_a_permanent_key_is_refused() -> None:
    wrong = AccessKey(KEY_ID, SECRET, PERMANENT.principal, TOKEN)

    with pytest.raises(UnrecognizedClientException):
        verify(signed_by_botocore(key=wrong))


def test_the_clock_may_be_five_minutes_off_and_no_more() -> None:
    request = signed_by_botocore()
    stamp = request.headers["x-amz-date"]
    signed_at = dt.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC).timestamp()

    verify(request, signed_at + 300)
    verify(request, signed_at - 300)
    with pytest.raises(
        InvalidSignatureException, match=rf"Signature expired: {stamp} is now earlier than .* 5 min\.\)$"
    ):
        verify(request, signed_at + 301)
    with pytest.raises(InvalidSignatureException, match=rf"Signature not yet current: {stamp} is still later than "):
        verify(request, signed_at - 301)


def test_a_presigned_query_ends_with_its_expiry() -> None:
    request = signed_by_botocore("GET", body=b"", auth=SigV4QueryAuth)

    verify(request, time.time() + 3500)
    with pytest.raises(InvalidSignatureException, match="Signature expired"):
        verify(request, time.time() + 3700)


def test_amz_headers_must_be_signed() -> None:
    request = with_header(signed_by_botocore(), "x-amz-invocation-type", "Event")

    with pytest.raises(InvalidSignatureException, match="not signed: x-amz-invocation-type"):
        verify(request)


@pytest.mark.parametrize("claimed", ["UNSIGNED-PAYLOAD", "0" * 64])
def test_a_claimed_body_digest_must_be_the_real_one(claimed: str) -> None:
    request = signed_by_botocore(headers={"X-Amz-Content-SHA256": claimed})

    with pytest.raises(InvalidSignatureException):
        verify(request)
    verify(signed_by_botocore(headers={"X-Amz-Content-SHA256": digest_of(b"{}")}))


MALFORMED = {
    "Basic": "Basic dXNlcjpwYXNz",
    "algorithm only": "AWS4-HMAC-SHA256",
    "no fields": "AWS4-HMAC-SHA256 nothing",
    "four scope parts": "AWS4-HMAC-SHA256 Credential=A/20250101/eu-west-1/lambda, SignedHeaders=host, Signature=0",
    "a field twice": "AWS4-HMAC-SHA256 Credential=A/20250101/eu-west-1/s3/aws4_request, SignedHeaders=a, Signature=0, "
    "Signature=1",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_authorization_is_an_incomplete_signature(name: str) -> None:
    with pytest.raises(IncompleteSignatureException):
        verify(with_header(signed_by_botocore(), "authorization", MALFORMED[name]))


@pytest.mark.parametrize("stamp", ["yesterday", "20251399T000000Z", "20250101T000000"])
def test_a_malformed_date_is_an_incomplete_signature(stamp: str) -> None:
    with pytest.raises(IncompleteSignatureException, match="ISO-8601"):
        verify(with_header(signed_by_botocore(), "x-amz-date", stamp))


def test_the_scope_of_another_day_or_terminator_or_no_region_is_refused() -> None:
    request = signed_by_botocore()
    authorization = request.headers["authorization"]
    day = request.headers["x-amz-date"][:8]

    for old, new, words in (
        (day, "20200101", "does not match YYYYMMDD"),
        ("aws4_request", "aws3_request", "valid terminator"),
        ("eu-west-1", "Mars", "valid region"),
    ):
        with pytest.raises(InvalidSignatureException, match=words):
            verify(with_header(request, "authorization", authorization.replace(old, new)))


@given(
    authorization=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=200), query=st.text(max_size=200)
)
@settings(max_examples=300, deadline=None)
def test_nothing_in_header_or_query_breaks_the_verifier(authorization: str, query: str) -> None:
    headers = {"host": "h", "authorization": authorization, "x-amz-date": "20250101T000000Z"}
    for request in (
        HttpRequest("GET", "/", query, headers, b"", ""),
        HttpRequest("GET", "/", "X-Amz-Algorithm=" + query, {"host": "h"}, b"", ""),
    ):
        claimed_scope(request)
        with pytest.raises(AwsError):
            verify(request)


@given(path=PATHS, query=QUERIES, body=BODIES)
@settings(max_examples=60, deadline=None)
def test_our_own_signer_verifies(path: str, query: str, body: bytes) -> None:
    headers = sign(
        method="POST", path=path, query=query, headers={"Host": "h", "X-Amz-Log-Type": "Tail"}, body=body,
        access_key_id=KEY_ID, secret_access_key=SECRET, region="us-east-1", service="lambda", now=time.time(),
    )  # fmt: skip
    lowered = {name.lower(): value for name, value in headers.items()}

    assert verify(HttpRequest("POST", path, query, lowered, body, "")).region == "us-east-1"


async def test_small_and_large_bodies_have_the_same_kind_of_digest() -> None:
    for body in (b"", b"x", b"x" * 200_000):
        assert await body_digest(body) == digest_of(body)


def test_secrets_stay_out_of_reprs() -> None:
    assert SECRET not in repr(PERMANENT)
    assert TOKEN not in repr(TEMPORARY)
