"""One signed call to an AWS service, tried again with jitter when trying again can help.

Must not know the operations of any service, nor what depends on an answer.
"""

import asyncio
import hashlib
import random
import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import msgspec

from lamplighter.aws_client.endpoints import Endpoint, EndpointMissing, Endpoints
from lamplighter.identity.signer import sign
from lamplighter.kernel.clock import Clock
from lamplighter.wire.http_client import CallFailed, HttpClient, Origin
from lamplighter.wire.http_message import HttpResponse

_FIRST_ERROR = 300
_SERVER_ERROR = 500
_TOO_MANY = 429
_ATTEMPTS = 3
_BASE_SECONDS = 0.1
_LONGEST_SECONDS = 2.0
_THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException"}
    | {"TooManyRequestsException", "SlowDown", "RequestLimitExceeded", "PriorRequestNotComplete"}
)
_XML_CODE = re.compile(rb"<Code>([^<]*)</Code>")
_XML_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")


class CallRefused(Exception):
    """The service answered with an error: its code, its message, the HTTP status."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message
        self.status = status

    @property
    def may_pass(self) -> bool:
        """Whether the same call may succeed by itself a little later."""
        return self.status >= _SERVER_ERROR or self.status == _TOO_MANY or self.code in _THROTTLED


class Place(msgspec.Struct, frozen=True):
    """Whom a call concerns: the account and region of what is addressed."""

    account_id: str
    region: str


class AwsClient:
    """Calls any service of the endpoint table."""

    def __init__(
        self,
        endpoints: Endpoints,
        http: HttpClient,
        clock: Clock,
        *,
        draw: Callable[[], float] | None = None,
        attempts: int = _ATTEMPTS,
    ) -> None:
        self._endpoints = endpoints
        self._http = http
        self._clock = clock
        # Spreads retries; nobody gains by guessing it.
        self._draw = draw or random.Random().random  # noqa: S311
        self._attempts = attempts

    def has(self, service: str) -> bool:
        return service in self._endpoints

    async def call(
        self,
        service: str,
        place: Place,
        *,
        method: str = "POST",
        path: str = "/",
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        trace_header: str = "",
    ) -> HttpResponse:
        """The successful answer. `path` and `query` are percent-encoded already.

        `trace_header` is not signed: whoever passes the call on may extend it.
        Raises EndpointMissing, CallRefused for the service's error, CallFailed when no answer came.
        """
        endpoint = self._endpoints.get(service)
        if endpoint is None:
            raise EndpointMissing(service)
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._call_once(
                    endpoint, service, place, method, path, query, headers or {}, body, trace_header
                )
            except (CallRefused, CallFailed) as error:
                hopeless = isinstance(error, CallRefused) and not error.may_pass
                if hopeless or attempt >= self._attempts:
                    raise
            await asyncio.sleep(self._draw() * min(_LONGEST_SECONDS, _BASE_SECONDS * 2**attempt))

    async def _call_once(
        self,
        endpoint: Endpoint,
        service: str,
        place: Place,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
        trace_header: str,
    ) -> HttpResponse:
        origin = Origin.of(endpoint.url)
        path = urlsplit(endpoint.url).path.rstrip("/") + path
        asked = {"Host": origin.host_header, **headers}
        if service == "s3":
            asked["X-Amz-Content-Sha256"] = hashlib.sha256(body).hexdigest()
        if endpoint.session_token:
            asked["X-Amz-Security-Token"] = endpoint.session_token
        signed = sign(
            method=method,
            path=path,
            query=query,
            headers=asked,
            body=body,
            access_key_id=endpoint.access_key_id or place.account_id,
            secret_access_key=endpoint.secret_access_key or "unproven",
            region=endpoint.region or place.region,
            service=service,
            now=self._clock.now(),
        )
        if trace_header:
            signed["X-Amzn-Trace-Id"] = trace_header
        target = f"{path}?{query}" if query else path
        response = await self._http.call(origin, method, target, tuple(signed.items()), body)
        if response.status >= _FIRST_ERROR:
            raise refusal_of(response)
        return response


def refusal_of(response: HttpResponse) -> CallRefused:
    """The error in an answer, whichever of AWS's protocols it speaks."""
    headers = dict(response.headers)
    told = headers.get("x-amzn-query-error") or headers.get("x-amzn-errortype") or ""
    code, message = told.partition(";")[0].partition(":")[0], ""
    body = response.body.lstrip()
    if body.startswith(b"<"):
        found, said = _XML_CODE.search(body), _XML_MESSAGE.search(body)
        code = code or (found[1].decode("utf-8", "replace") if found else "")
        message = said[1].decode("utf-8", "replace") if said else ""
    elif body.startswith(b"{"):
        code, message = _json_error(body, code)
    return CallRefused(code or f"HTTP {response.status}", message or _excerpt(response.body), response.status)


def _json_error(body: bytes, code: str) -> tuple[str, str]:
    try:
        members: dict[str, object] = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, msgspec.ValidationError):
        return code, ""
    kind = str(members.get("__type") or members.get("code") or "")
    return code or kind.rpartition("#")[2], str(members.get("message") or members.get("Message") or "")


def _excerpt(body: bytes) -> str:
    return body[:200].decode("utf-8", "replace")
