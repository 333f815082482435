"""One port for everything: pages by path, services by scope, and who may call in the open mode."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from lamplighter.control.code_links import CodeLinks
from lamplighter.frontends.authentication import OpenAuthenticator, SignedAuthenticator
from lamplighter.frontends.code_downloads import CodeDownloads
from lamplighter.frontends.counters import ApiCounters
from lamplighter.frontends.front_door import FrontDoor, not_ours
from lamplighter.frontends.lambda_api.sizes import RequestSizes, too_large
from lamplighter.frontends.status_pages import StatusPages
from lamplighter.identity.keys import RootKeyRing, new_root_key
from lamplighter.identity.signer import sign
from lamplighter.kernel.clock import ManualClock
from lamplighter.kernel.ids import CountedIds, RandomIds
from lamplighter.kernel.limits import Limits
from lamplighter.wire.http_exchange import Exchange
from lamplighter.wire.http_message import HttpRequest
from lamplighter.wire.http_server import HttpServer

CODE = b"PK a zip"


class OneBlob:
    """Holds one zip under one digest."""

    async def get(self, digest: str) -> bytes:
        if digest != "d" * 64:
            raise KeyError(digest)
        return CODE


class Port:
    """A front door behind a real listener."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.counters = ApiCounters()
        self.pages = StatusPages(self.counters, {"lamplighter_connections": lambda: 2.0}, ("lambda",))
        self.links = CodeLinks(b"secret")
        downloads = CodeDownloads(OneBlob(), self.links, self.clock)
        door = FrontDoor({"lambda": self.answer}, self.pages, downloads, CountedIds())
        self.server = HttpServer(door.handle)
        self.port = 0

    def answer(self, request: HttpRequest, exchange: Exchange) -> None:
        exchange.send(200, (), b"lambda:" + request.path.encode())

    async def get(self, target: str, *headers: str, method: str = "GET") -> tuple[int, str, bytes]:
        """Status, head and body of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = [f"{method} {target} HTTP/1.1", "Host: h", "Connection: close", *headers]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = await asyncio.wait_for(reader.read(-1), 10)
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), head.decode("latin-1"), body


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    opened = Port()
    opened.port = await opened.server.listen("127.0.0.1", 0)
    yield opened
    await opened.server.close()


def scoped(service: str) -> str:
    return (
        f"Authorization: AWS4-HMAC-SHA256 Credential=A/20250101/us-east-1/{service}/aws4_request, "
        "SignedHeaders=host, Signature=0"
    )


async def test_unsigned_and_lambda_requests_are_lambdas(port: Port) -> None:
    assert (await port.get("/2015-03-31/functions"))[2] == b"lambda:/2015-03-31/functions"
    assert (await port.get("/2015-03-31/functions", scoped("lambda")))[2] == b"lambda:/2015-03-31/functions"
    presigned = "/x?X-Amz-Algorithm=a&X-Amz-Credential=A%2F20250101%2Fus-east-1%2Flambda%2Faws4_request"
    assert (await port.get(presigned))[2] == b"lambda:/x"


async def test_another_service_is_refused_in_its_own_protocol(port: Port) -> None:
    for service, kind in (("dynamodb", "application/json"), ("sts", "text/xml"), ("s3", "text/xml")):
        status, head, body = await port.get("/", scoped(service))
        assert (status, kind in head) == (501, True)
        assert f"'{service}'" in body.decode()
        assert f"AWS_ENDPOINT_URL_{service.upper()}" in body.decode()


def test_a_hostile_service_name_cannot_break_the_refusal() -> None:
    for service in ("s3", "sts", "<script>", 'a"b', "\r\nX: y"):
        refused = not_ours(service, "id")
        assert refused.status == 501
        assert b"<script>" not in refused.body or refused.headers[-1][1] != "text/xml"


async def test_health_and_readiness(port: Port) -> None:
    assert (await port.get("/health"))[0] == 200
    assert (await port.get("/health", method="HEAD"))[2] == b""
    assert (await port.get("/ready"))[0] == 503
    assert json.loads((await port.get("/_localstack/health"))[2])["services"] == {"lambda": "starting"}

    port.pages.is_ready = True

    assert (await port.get("/ready"))[0] == 200
    assert json.loads((await port.get("/_localstack/health"))[2])["services"] == {"lambda": "running"}


async def test_metrics_count_what_happened(port: Port) -> None:
    for status in (200, 200, 404, 500):
        port.counters.count("Invoke", status)

    text = (await port.get("/metrics"))[2].decode()

    assert 'lamplighter_requests_total{operation="Invoke",status="200"} 2' in text
    assert "lamplighter_server_errors_total 1" in text
    assert "lamplighter_connections 2" in text
    assert "process_resident_memory_bytes" in text
    assert port.counters.total == 4


async def test_code_is_downloaded_by_a_link_that_holds_and_no_other(port: Port) -> None:
    link = port.links.make("d" * 64, port.clock.now())

    assert (await port.get(link))[::2] == (200, CODE)
    assert (await port.get(link[:-1] + ("0" if link[-1] != "0" else "1")))[0] == 403
    assert (await port.get(link.replace("d" * 64, "e" * 64)))[0] == 403
    assert (await port.get(link, method="DELETE"))[0] == 403
    assert (await port.get(port.links.make("e" * 64, port.clock.now())))[0] == 404
    port.clock.advance(601)
    assert (await port.get(link))[0] == 403


async def test_the_open_mode_takes_twelve_digits_as_the_account() -> None:
    open_to_all = OpenAuthenticator("000000000000", "us-east-1")
    digits = scoped("lambda").replace("Credential=A/", "Credential=123456789012/").partition(": ")[2]
    elsewhere = digits.replace("us-east-1", "ap-southeast-2")

    for header, account, region in (
        ("", "000000000000", "us-east-1"),
        (scoped("lambda").partition(": ")[2], "000000000000", "us-east-1"),
        (elsewhere, "123456789012", "ap-southeast-2"),
        (digits.replace("us-east-1", "Mars"), "123456789012", "us-east-1"),
    ):
        headers = {"authorization": header} if header else {}
        caller = await open_to_all.authenticate(HttpRequest("GET", "/", "", headers, b"", ""))
        assert (caller.principal.account_id, caller.region) == (account, region)


async def test_the_closed_mode_believes_signatures() -> None:
    key, clock = new_root_key("123456789012", RandomIds()), ManualClock()
    headers = sign(
        method="GET", path="/", query="", headers={"Host": "h"}, body=b"", access_key_id=key.access_key_id,
        secret_access_key=key.secret_access_key, region="eu-west-1", service="lambda", now=clock.now(),
    )  # fmt: skip
    lowered = {name.lower(): value for name, value in headers.items()}
    closed = SignedAuthenticator(RootKeyRing(key), clock)

    caller = await closed.authenticate(HttpRequest("GET", "/", "", lowered, b"", ""))

    assert (caller.principal.account_id, caller.region) == ("123456789012", "eu-west-1")


def test_sizes_are_lambdas() -> None:
    sizes = RequestSizes.of(Limits())

    assert [sizes.limit(name) for name in ("Invoke", "CreateFunction", "UpdateFunctionCode", "")] == [
        6_291_556, 70_167_211, 69_905_067, 6_291_556,
    ]  # fmt: skip
    assert too_large("Invoke", 6_291_556).message.endswith("for the InvokeFunction operation")
