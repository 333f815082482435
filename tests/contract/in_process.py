"""boto3 against the real operations, without sockets: requests boto3 has built go through the real codecs and storage.

The server side lives in one event loop in a thread of its own. Used by the contract tests of the control plane, which
are about answers; signatures and HTTP have tests of their own.
"""

import asyncio
import io
import threading
import zipfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import boto3
import msgspec
from botocore.awsrequest import AWSRequest, AWSResponse, HeadersDict
from botocore.config import Config

from lamplighter.aws.errors import AwsError, NotImplementedException, UnknownOperationException
from lamplighter.aws.operation import OperationRegistry
from lamplighter.aws.service import WireResponse, load_service
from lamplighter.control.assembly import ControlParts, build_control
from lamplighter.control.invoke import Invoking
from lamplighter.control.provisioning import ProvisionedEnvironments
from lamplighter.control.reconciler import SettlingTimes
from lamplighter.identity.context import Principal, RequestContext, RootAuthoriser
from lamplighter.invocation.request import InvokeRequest, InvokeResult
from lamplighter.kernel.clock import SystemClock
from lamplighter.kernel.ids import RandomIds
from lamplighter.kernel.limits import Limits
from lamplighter.storage.blobs import BlobStore
from lamplighter.storage.packages import PackageStore
from lamplighter.storage.sqlite.engine import SqliteStorage

ACCOUNT = "111111111111"
REGION = "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/lambda-role"
SECONDS = 20


def zip_of(**files: str) -> bytes:
    """A zip with these files; `handler` stands for handler.py."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.py", text)
    return buffer.getvalue()


class EchoingDoor:
    """The door of these tests: answers what it was asked, since running code is not what they are about."""

    def __init__(self) -> None:
        self.asked: list[InvokeRequest] = []
        self.result: InvokeResult | None = None

    async def invoke(self, request: InvokeRequest) -> InvokeResult:
        self.asked.append(request)
        if self.result is not None:
            return self.result
        status = {"RequestResponse": 200, "Event": 202, "DryRun": 204}[request.invocation_type]
        payload = request.payload if status == 200 else b""
        return InvokeResult(status_code=status, payload=payload)

    def begin(self, request: InvokeRequest) -> Invoking:
        raise NotImplementedError("these tests call the operations' async methods")

    def begin_event(self, request: InvokeRequest) -> Invoking | None:
        return None


class _Body(io.BytesIO):
    """A response body as urllib3 hands it to botocore."""

    def stream(self, amt: int = 65536, **_: Any) -> Any:
        while piece := self.read(amt):
            yield piece


class InProcessLambda:
    """One server; `client()` gives boto3 clients that talk to it."""

    def __init__(
        self,
        directory: Path,
        *,
        times: SettlingTimes | None = None,
        limits: Limits | None = None,
        environments: ProvisionedEnvironments | None = None,
    ) -> None:
        self._directory = directory
        self._environments = environments
        self._times = times
        self._limits = limits or Limits()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="in-process server")
        self._service = load_service("lambda")
        self.door = EchoingDoor()

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(SECONDS)

    async def _start(self) -> None:
        self.storage = SqliteStorage.open(self._directory / "storage")
        blobs = BlobStore(self._directory / "blobs")
        packages = PackageStore(blobs, self._directory / "packages")
        self.control = build_control(
            ControlParts(
                storage=self.storage,
                blobs=blobs,
                packages=packages,
                ids=RandomIds(),
                limits=self._limits,
                link_secret=b"secret",
                times=self._times,
                environments=self._environments,
            )
        )
        self.registry = OperationRegistry(self.control.operations(self.door))
        self._reconciling = asyncio.create_task(self.control.run())

    async def stop_reconciling(self) -> None:
        """Leave undone what operations ask for from now on, as a kill would."""
        self._reconciling.cancel()
        await asyncio.gather(self._reconciling, return_exceptions=True)

    async def _stop(self) -> None:
        await self.stop_reconciling()
        await self.storage.close()

    def client(self, *, region: str = REGION, account: str = ACCOUNT, validate: bool = True) -> Any:
        config = Config(parameter_validation=validate, retries={"max_attempts": 0, "mode": "standard"})
        client = boto3.client(
            "lambda",
            region_name=region,
            aws_access_key_id="AKID",
            aws_secret_access_key="secret",
            endpoint_url="http://in-process.test",
            config=config,
        )

        def send(request: AWSRequest, **_: Any) -> AWSResponse:
            wire = self.run(self._answer(request, account, region))
            headers: Any = HeadersDict(dict(wire.headers))  # botocore's own stand-in for HTTPHeaders
            return AWSResponse(str(request.url), wire.status, headers, _Body(wire.body))

        events: Any = client.meta.events  # its types know only handlers that answer nothing
        events.register("before-send.lambda.*", send)
        return client

    async def _answer(self, request: Any, account: str, region: str) -> WireResponse:
        url = urlsplit(request.url)
        try:
            return await self._dispatch(request, url.path, url.query, account, region)
        except AwsError as error:
            return self._service.serialise_error(error, "request-id")

    async def _dispatch(self, request: Any, path: str, query: str, account: str, region: str) -> WireResponse:
        match = self._service.match(request.method, path, query)
        if match is None:
            raise UnknownOperationException(unquote(path))
        headers = {
            name.lower(): value if isinstance(value, str) else value.decode() for name, value in request.headers.items()
        }
        body = request.body or b""
        body = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else body.read()
        parsed = match.operation.parse(match, query, headers, body)
        handler = self.registry.get(match.operation.name)
        if handler is None:
            raise NotImplementedException(match.operation.name)
        context = RequestContext(
            request_id="request-id",
            account_id=account,
            region=region,
            principal=Principal(account, f"arn:aws:iam::{account}:root", "AKID"),
            authoriser=RootAuthoriser(),
            now=SystemClock().now(),
            endpoint="http://in-process.test",
            user_agent=headers.get("user-agent", ""),
        )
        wire = match.operation.serialise(await handler(parsed, context))
        if not isinstance(wire.body, bytes):
            wire = msgspec.structs.replace(wire, body=b"".join([piece async for piece in wire.body]))
        return wire
