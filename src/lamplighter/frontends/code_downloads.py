"""Downloads of a function's code by the signed link that GetFunction gives. Must not know functions."""

import asyncio
import logging
from typing import Protocol
from urllib.parse import parse_qs

from lamplighter.control.code_links import PATH, CodeLinks
from lamplighter.kernel.clock import Clock
from lamplighter.wire.http_exchange import Exchange
from lamplighter.wire.http_message import HttpRequest

_log = logging.getLogger(__name__)
_ZIP = (("Content-Type", "application/zip"),)
_XML = (("Content-Type", "application/xml"),)
# What S3 answers to a link that is expired, forged or made for something else.
_DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Blobs(Protocol):
    """Where zips are kept."""

    async def get(self, digest: str) -> bytes: ...


class CodeDownloads:
    """Answers GET on links that hold; everything else is denied, as S3 does."""

    path = PATH

    def __init__(self, blobs: Blobs, links: CodeLinks, clock: Clock) -> None:
        self._blobs = blobs
        self._links = links
        self._clock = clock
        self._running: set[asyncio.Task[None]] = set()

    def handle(self, request: HttpRequest, exchange: Exchange) -> None:
        """Answer a request below `path`."""
        digest = request.path.removeprefix(self.path)
        fields = parse_qs(request.query)
        expires, signature = fields.get("Expires", [""])[0], fields.get("Signature", [""])[0]
        is_read = request.method in ("GET", "HEAD")
        if not is_read or not self._links.is_valid(digest, expires, signature, self._clock.now()):
            exchange.send(403, _XML, _DENIED)
            return
        running = asyncio.get_running_loop().create_task(self._send(digest, exchange))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _send(self, digest: str, exchange: Exchange) -> None:
        try:
            data = await self._blobs.get(digest)
        except Exception:  # noqa: BLE001  # loop boundary: the link holds but the blob cannot be read
            _log.exception("the code %s cannot be read", digest)
            exchange.send(404, _XML, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        exchange.send(200, _ZIP, data)

    async def close(self) -> None:
        for running in tuple(self._running):
            running.cancel()
