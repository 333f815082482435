"""One port for everything: status pages by path, AWS services by the scope of the signature.

A service that is not ours is refused in the words of its own protocol, naming the service and the setting that points
its client elsewhere. Must not know what a service does with a request.
"""

from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape

import orjson

from lamplighter.frontends.code_downloads import CodeDownloads
from lamplighter.frontends.status_pages import StatusPages
from lamplighter.identity.sigv4 import claimed_scope
from lamplighter.kernel.ids import Ids
from lamplighter.wire.http_exchange import Exchange
from lamplighter.wire.http_message import HttpRequest, HttpResponse

Handle = Callable[[HttpRequest, Exchange], None]

_DEFAULT_SERVICE = "lambda"
_LAMBDA_SCOPE = "/lambda/aws4_request"
# Services whose clients read errors as XML; every other one reads JSON.
_QUERY_SERVICES = frozenset({"autoscaling", "cloudformation", "ec2", "iam", "monitoring", "rds", "sns", "sts"})


class FrontDoor:
    """The handler of the public listener."""

    def __init__(self, services: Mapping[str, Handle], pages: StatusPages, downloads: CodeDownloads, ids: Ids) -> None:
        self._services = services
        self._default = services[_DEFAULT_SERVICE]
        self._pages = pages
        self._downloads = downloads
        self._ids = ids

    def handle(self, request: HttpRequest, exchange: Exchange) -> None:
        """Answer a status page, or pass the request to the service it was signed for (unsigned ones are Lambda's)."""
        if _LAMBDA_SCOPE in request.headers.get("authorization", ""):
            self._default(request, exchange)
            return
        page = self._pages.page(request.path) if request.method in ("GET", "HEAD") else None
        if page is not None:
            exchange.send(page.status, page.headers, page.body)
            return
        if request.path.startswith(self._downloads.path):
            self._downloads.handle(request, exchange)
            return
        scope = claimed_scope(request)
        service = scope.service if scope is not None else _DEFAULT_SERVICE
        handle = self._services.get(service)
        if handle is not None:
            handle(request, exchange)
            return
        refused = not_ours(service, self._ids.uuid())
        exchange.send(refused.status, refused.headers, refused.body)


def not_ours(service: str, request_id: str) -> HttpResponse:
    """The refusal of a service that lamplighter does not serve."""
    setting = "AWS_ENDPOINT_URL_" + "".join([letter if letter.isalnum() else "_" for letter in service]).upper()
    message = (
        f"The service '{service}' is not served by lamplighter. Point its clients to another endpoint with the setting "
        f"{setting}."
    )
    headers = (("x-amzn-RequestId", request_id),)
    if service == "s3":
        text = f"<Error><Code>NotImplemented</Code><Message>{escape(message)}</Message></Error>"
    elif service in _QUERY_SERVICES:
        text = (
            "<ErrorResponse><Error><Type>Sender</Type><Code>NotImplemented</Code>"
            f"<Message>{escape(message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    else:
        body = orjson.dumps({"__type": "NotImplementedException", "message": message})
        kind = (("Content-Type", "application/json"), ("x-amzn-ErrorType", "NotImplementedException"))
        return HttpResponse(501, (*headers, *kind), body)
    return HttpResponse(501, (*headers, ("Content-Type", "text/xml")), text.encode())
