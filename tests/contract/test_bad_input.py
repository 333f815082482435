"""Malformed HTTP and JSON: never a 5xx, never a hang, and the server goes on for everybody else."""

import contextlib
import re
import socket
import time
from typing import Any

import pytest

from tests.contract.live_server import LiveServer

INVOCATIONS = "/2015-03-31/functions/nobody/invocations"
FUNCTIONS = "/2015-03-31/functions"


def request(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: h", "Connection: close", *headers])
    return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


HTTP = {
    "nothing that is HTTP": b"\x00\x01\x02\x03\r\n\r\n",
    "TLS to a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
    "an unknown method": b"BREW / HTTP/1.1\r\nHost: h\r\n\r\n",
    "HTTP/9.9": b"GET / HTTP/9.9\r\nHost: h\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts in one": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost: h\r\nnocolon\r\n\r\n",
    "content-length and transfer-encoding": (
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a negative content-length": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n",
    "two content-lengths": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "a chunk that is none": b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a megabyte of header": b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "ten thousand headers": b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: 1\r\n" * 10_000 + b"\r\n",
    "a target of 100 kB": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "escapes that are none": request("GET", "/2015-03-31/functions/%zz%"),
    "escapes that are no UTF-8": request("GET", "/2015-03-31/functions/%ff%fe"),
    "a null byte in the name": request("GET", "/2015-03-31/functions/a%00b"),
    "dots and slashes": request("GET", "/2015-03-31/functions/..%2f..%2fetc%2fpasswd"),
    "no such route": request("DELETE", "/2015-03-31/nothing"),
    "the target *": request("OPTIONS", "*"),
    "an upgrade": request("GET", "/2015-03-31/functions/x", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQ"),
    "authorization that is none": request("GET", "/2015-03-31/functions/x", "Authorization: AWS4-HMAC-SHA256 x=y,,="),
}


@pytest.mark.parametrize("mode", ["dev", "up"])
@pytest.mark.parametrize("name", HTTP)
def test_malformed_http_is_refused_with_a_4xx(
    dev_server: LiveServer, up_server: LiveServer, name: str, mode: str
) -> None:
    server = dev_server if mode == "dev" else up_server
    answer = server.talk(HTTP[name])

    assert re.match(rb"HTTP/1\.1 4\d\d ", answer), answer[:300]
    assert b"Traceback" not in answer


DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
JSON = {
    "nothing": b"",
    "no JSON": b"<xml/>",
    "half of it": b'{"FunctionName": "f',
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "100,000 deep": DEEP,
    "100,000 lists deep": b"[" * 100_000,
    "wrong types": b'{"FunctionName": 7, "Role": [], "Code": "zip", "Timeout": "soon", "Environment": 1}',
    "a number that is too large": b'{"FunctionName": "f", "Role": "r", "Code": {}, "Timeout": 1e999}',
    "no UTF-8": b'{"FunctionName": "\xff\xfe"}',
    "a surrogate": b'{"FunctionName": "\\ud800"}',
    "a name twice": b'{"FunctionName": "a", "FunctionName": "b"}',
    "base64 that is none": b'{"FunctionName": "f", "Role": "arn:aws:iam::0:role/r", "Code": {"ZipFile": "!!"}}',
    "NaN": b'{"FunctionName": "f", "Timeout": NaN}',
}


@pytest.mark.parametrize("name", JSON)
def test_malformed_json_is_refused_with_a_4xx(dev_server: LiveServer, name: str) -> None:
    answer = dev_server.talk(request("POST", FUNCTIONS, "Content-Type: application/json", body=JSON[name]))

    assert re.match(rb"HTTP/1\.1 4\d\d ", answer), answer[:300]
    assert b"x-amzn-ErrorType: " in answer
    assert b"x-amzn-RequestId: " in answer


@pytest.mark.parametrize(
    ("path", "size", "words"),
    [
        (INVOCATIONS, 7_000_000, b"Request must be smaller than 6291556 bytes for the InvokeFunction operation"),
        (FUNCTIONS, 71_000_000, b"Request must be smaller than 70167211 bytes for the CreateFunction operation"),
    ],
)
def test_an_oversized_body_gets_413_with_awss_words(dev_server: LiveServer, path: str, size: int, words: bytes) -> None:
    answer = dev_server.talk(request("POST", path, body=b"x" * size))

    assert answer.startswith(b"HTTP/1.1 413 "), answer[:300]
    assert b"x-amzn-ErrorType: RequestEntityTooLargeException" in answer
    assert words in answer


def test_boto3_reads_the_413_instead_of_a_broken_pipe(lambda_client: Any) -> None:
    with pytest.raises(lambda_client.exceptions.ClientError) as caught:
        lambda_client.invoke(FunctionName="nobody", Payload=b'"' + b"x" * 7_000_000 + b'"')

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert caught.value.response["Error"]["Code"] == "RequestEntityTooLargeException"


def test_clients_that_hang_up_mid_request_harm_nobody(dev_server: LiveServer) -> None:
    whole = request("POST", INVOCATIONS, body=b"{}" * 100)
    for cut in (1, 10, len(whole) // 2, len(whole) - 1, len(whole)):
        for is_reset in (False, True):
            connection = socket.create_connection(dev_server.address, timeout=5)
            connection.sendall(whole[:cut])
            if is_reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            connection.close()

    assert dev_server.talk(request("GET", "/health")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.slow
def test_slow_headers_are_closed_while_others_are_served(dev_server: LiveServer) -> None:
    """A thousand half-open requests: each is closed within ten seconds or little more, others feel nothing."""
    held = [socket.create_connection(dev_server.address, timeout=20) for _ in range(1000)]
    with contextlib.ExitStack() as stack:
        for connection in held:
            stack.enter_context(connection)
            connection.sendall(b"POST / HTTP/1.1\r\nHost: h\r\nX-Slow: ")
        started = time.monotonic()
        assert dev_server.talk(request("GET", "/health")).startswith(b"HTTP/1.1 200 ")
        assert time.monotonic() - started < 1.0
        for connection in held:
            answer = connection.recv(1000)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - started < 13.0


def test_a_service_that_is_not_ours_is_named_with_the_setting(dev_server: LiveServer) -> None:
    for service, call in (("dynamodb", "list_tables"), ("sqs", "list_queues"), ("s3", "list_buckets")):
        client = dev_server.client(service)
        with pytest.raises(client.exceptions.ClientError) as caught:
            getattr(client, call)()
        assert f"AWS_ENDPOINT_URL_{service.upper()}" in caught.value.response["Error"]["Message"]
