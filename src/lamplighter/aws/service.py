"""One AWS service as the frontends see it: match a request to an operation, parse it, serialise the answer.

Everything is compiled from the service model when first used. Pure: must not know sockets, authentication or the code
behind an operation.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from lamplighter.aws import responses
from lamplighter.aws.errors import AwsError
from lamplighter.aws.operation import Request, Response
from lamplighter.aws.readers import Readers
from lamplighter.aws.requests import RequestParser, compile_request
from lamplighter.aws.responses import WireResponse, Writers, compile_response
from lamplighter.aws.router import Router
from lamplighter.aws.service_model import ServiceModel, load_model

__all__ = ["Match", "Operation", "Service", "WireResponse", "load_service"]


_REMEMBERED_PATHS = 4096
_LONGEST_REMEMBERED = 256


class Operation:
    """One operation of a service. Its codecs are made on first use (0.1 to 2 ms)."""

    __slots__ = ("_parse", "_service", "method", "name", "request_uri", "serialise")

    def __init__(self, service: "Service", name: str, http: Mapping[str, Any]) -> None:
        self._service = service
        self.name = name
        self.method: str = http["method"]
        self.request_uri: str = http["requestUri"]
        self._parse: RequestParser | None = None
        # The answer on the wire. The request id is the frontend's to add.
        self.serialise: responses.Serialise = self._serialise_first

    def parse(self, match: "Match", query: str, headers: Mapping[str, str], body: bytes) -> Request:
        """The operation's checked input, by member name. Header names are lower-case.

        Raises ValidationException with all that is wrong, or SerializationException for what cannot be read.
        """
        if self._parse is None:
            self._parse = self._service.compile_request(self.name)
        return self._parse(match.path_values, query, headers, body)

    def _serialise_first(self, response: Response) -> WireResponse:
        self.serialise = self._service.compile_response(self.name)
        return self.serialise(response)


class Match(NamedTuple):
    """The operation that answers a request, and the decoded labels of its path."""

    operation: Operation
    path_values: Mapping[str, str]


class Service:
    """All operations of one service model."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._readers = Readers(model)
        self._writers = Writers(model)
        self.operations: Mapping[str, Operation] = {
            name: Operation(self, name, description["http"]) for name, description in model.operations.items()
        }
        self._by_index = tuple(self.operations.values())
        self._router = Router((operation.method, operation.request_uri) for operation in self._by_index)
        self._match_again = lru_cache(maxsize=_REMEMBERED_PATHS)(self._match)

    def match(self, method: str, path: str, query: str) -> Match | None:
        """The operation for a method, a raw (still percent-encoded) path and a raw query; None if there is none."""
        if query or len(path) > _LONGEST_REMEMBERED:
            return self._match(method, path, query)
        return self._match_again(method, path)

    def _match(self, method: str, path: str, query: str = "") -> Match | None:
        found = self._router.match(method, path, query)
        return None if found is None else Match(self._by_index[found[0]], found[1])

    def serialise_error(self, error: AwsError, request_id: str) -> WireResponse:
        """A refusal on the wire."""
        return responses.serialise_error(self.model, error, request_id)

    def compile_request(self, name: str) -> RequestParser:
        return compile_request(self.model, self._readers, self.model.operations[name])

    def compile_response(self, name: str) -> responses.Serialise:
        return compile_response(self.model, self._writers, self.model.operations[name])


def load_service(name: str) -> Service:
    """Read the model of a service, e.g. "lambda" (a few milliseconds)."""
    return Service(load_model(name))
