"""One signed HTTP call to the running server, with the standard library only.

Must not know which operation is called.
"""

import http.client
import json
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from lamplighter.cli.refusal import CommandFailed
from lamplighter.cli.running_server import RunningServer
from lamplighter.identity.signer import sign

# Longer than the longest function may run.
_TIMEOUT_SECONDS = 960.0
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer; header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes


def call(
    server: RunningServer,
    method: str,
    path: str,
    query: str = "",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> Answer:
    """Call the Lambda API. Raises CommandFailed with AWS's error, or when nobody answers."""
    parts = urlsplit(server.endpoint)
    signed = sign(
        method=method,
        path=path,
        query=query,
        headers={"Host": parts.netloc, **(headers or {})},
        body=body,
        access_key_id=server.access_key_id,
        secret_access_key=server.secret_access_key,
        region=server.region,
        service="lambda",
        now=time.time(),
    )
    connection = _connect(server, parts.hostname or "", parts.port or 0, is_tls=parts.scheme == "https")
    try:
        connection.request(method, f"{path}?{query}" if query else path, body, signed)
        response = connection.getresponse()
        answer = Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        )
    except (OSError, http.client.HTTPException) as error:
        raise CommandFailed(f"the server at {server.endpoint} does not answer: {error}") from error
    finally:
        connection.close()
    if answer.status >= _FIRST_ERROR:
        raise CommandFailed(_spoken(answer))
    return answer


def _connect(server: RunningServer, host: str, port: int, *, is_tls: bool) -> http.client.HTTPConnection:
    if not is_tls:
        return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
    context = ssl.create_default_context(cafile=server.certificate)
    return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_SECONDS, context=context)


def _spoken(answer: Answer) -> str:
    code = answer.headers.get("x-amzn-errortype", f"HTTP {answer.status}").partition(":")[0]
    try:
        told = json.loads(answer.body)
        message = told.get("message") or told.get("Message") or ""
    except (ValueError, AttributeError):
        message = answer.body.decode("utf-8", "replace")[:500]
    return f"{code}: {message}" if message else code
