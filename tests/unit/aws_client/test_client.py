"""Signed calls: what botocore would sign, which refusals are tried again, how errors of each protocol are read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from lamplighter.aws_client import events, s3
from lamplighter.aws_client.client import AwsClient, CallRefused, Place, refusal_of
from lamplighter.aws_client.endpoints import Endpoint, EndpointMissing
from lamplighter.identity.keys import AccessKey, RootKeyRing, root_principal
from lamplighter.identity.sigv4 import SignatureVerifier, body_digest
from lamplighter.kernel.arn import Arn
from lamplighter.kernel.clock import SystemClock
from lamplighter.wire.http_client import CallFailed, HttpClient
from lamplighter.wire.http_message import HttpRequest, HttpResponse
from lamplighter.wire.http_server import AsyncHandler, HttpServer

PLACE = Place("123456789012", "eu-west-1")
KEY = AccessKey("AKIDEXAMPLE", "secret", root_principal("123456789012", "AKIDEXAMPLE"))


@dataclass
class Service:
    """Answers one after the other, the last one for ever; keeps what it was asked."""

    answers: list[HttpResponse]
    asked: list[HttpRequest] = field(default_factory=list)

    async def handle(self, request: HttpRequest) -> HttpResponse:
        self.asked.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def client_of(service: Service, name: str = "sqs", path: str = "") -> AsyncIterator[AwsClient]:
    server = HttpServer(AsyncHandler(service.handle))
    port = await server.listen("127.0.0.1", 0)
    http = HttpClient()
    endpoint = Endpoint(
        url=f"http://127.0.0.1:{port}{path}",
        access_key_id=KEY.access_key_id,
        secret_access_key=KEY.secret_access_key,
    )
    try:
        yield AwsClient({name: endpoint}, http, SystemClock(), draw=lambda: 0.0)
    finally:
        http.close()
        await server.close()


@pytest.mark.parametrize("service_name", ["sqs", "s3", "events"])
async def test_a_verifier_of_signatures_accepts_the_call(service_name: str) -> None:
    service = Service([HttpResponse(200, (), b"{}")])
    async with client_of(service, service_name) as client:
        await client.call(
            service_name, PLACE, path="/a%20b/c", query="x=1&a=%2F", headers={"X-Amz-Meta": "  a  b "}, body=b"!"
        )
    (asked,) = service.asked
    caller = SignatureVerifier(RootKeyRing(KEY)).verify(asked, await body_digest(asked.body), SystemClock().now())
    assert (caller.service, caller.region) == (service_name, "eu-west-1")
    assert caller.principal.account_id == "123456789012"


@pytest.mark.parametrize(
    ("status", "body", "attempts"),
    [
        (500, b"", 3),
        (503, b"<Error><Code>SlowDown</Code></Error>", 3),
        (400, b'{"__type":"com.amazonaws.sqs#ThrottlingException"}', 3),
        (429, b"", 3),
        (400, b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}', 1),
        (403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>", 1),
    ],
)
async def test_only_what_may_pass_is_tried_again(status: int, body: bytes, attempts: int) -> None:
    service = Service([HttpResponse(status, (), body)])
    async with client_of(service) as client:
        with pytest.raises(CallRefused) as refused:
            await client.call("sqs", PLACE)
    assert len(service.asked) == attempts
    assert refused.value.may_pass == (attempts > 1)


async def test_a_call_that_succeeds_at_last_has_succeeded() -> None:
    service = Service([HttpResponse(500), HttpResponse(200, (), b"done")])
    async with client_of(service, path="/behind/a/proxy/") as client:
        assert (await client.call("sqs", PLACE, path="/q")).body == b"done"
    assert service.asked[-1].path == "/behind/a/proxy/q"


async def test_a_service_without_endpoint_is_named_with_its_setting() -> None:
    client = AwsClient({}, HttpClient(), SystemClock())
    with pytest.raises(EndpointMissing, match=r"\[endpoints\.sns\].*LAMPLIGHTER_ENDPOINTS_SNS_URL"):
        await client.call("sns", PLACE)
    assert not client.has("sns")


async def test_nobody_listening_is_a_failure() -> None:
    http = HttpClient()
    client = AwsClient({"sqs": Endpoint(url="http://127.0.0.1:1")}, http, SystemClock(), draw=lambda: 0.0)
    with pytest.raises(CallFailed):
        await client.call("sqs", PLACE)


@pytest.mark.parametrize(
    ("headers", "body", "code", "message"),
    [
        ({}, b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"gone"}', "QueueDoesNotExist", "gone"),
        ({"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"}, b"{}", None, "{}"),
        (
            {"x-amzn-errortype": "ResourceNotFoundException:http://x"},
            b'{"Message":"m"}',
            "ResourceNotFoundException",
            "m",
        ),
        (
            {},
            b"\n<ErrorResponse><Error><Code>NotFound</Code><Message>t</Message></Error></ErrorResponse>",
            "NotFound",
            "t",
        ),
        ({}, b"gateway", "HTTP 502", "gateway"),
        ({}, b"{broken", "HTTP 502", "{broken"),
        ({}, b"", "HTTP 502", ""),
    ],
)
def test_errors_of_every_protocol_are_read(
    headers: dict[str, str], body: bytes, code: str | None, message: str
) -> None:
    refusal = refusal_of(HttpResponse(502, tuple(headers.items()), body))
    assert (refusal.code, refusal.message) == (code or "AWS.SimpleQueueService.NonExistentQueue", message)


async def test_an_event_that_the_bus_refuses_is_a_refusal() -> None:
    answer = b'{"FailedEntryCount":1,"Entries":[{"ErrorCode":"MalformedDetail","ErrorMessage":"bad"}]}'
    bus = Arn("aws", "events", "eu-west-1", "123456789012", "event-bus/b")
    async with client_of(Service([HttpResponse(200, (), answer)]), "events") as client:
        with pytest.raises(CallRefused, match="MalformedDetail: bad") as refused:
            await events.put_event(client, bus, source="s", detail_type="d", resources=[], detail="{}")
    assert not refused.value.may_pass


async def test_keys_of_objects_may_hold_anything() -> None:
    service = Service([HttpResponse(200)])
    async with client_of(service, "s3") as client:
        await asyncio.gather(s3.get_object(client, PLACE, "b", "a b/ü+?#%", "v/1"))
    assert (service.asked[0].path, service.asked[0].query) == ("/b/a%20b/%C3%BC%2B%3F%23%25", "versionId=v%2F1")
