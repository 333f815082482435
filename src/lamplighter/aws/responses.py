"""Response writers: an operation's answer, or its refusal, to status, headers and body as the model says.

Members that are None are left out, at any depth; a member that the model does not know is a programming error. Must
not know sockets or how bodies are framed.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec
import orjson

from lamplighter.aws import event_stream
from lamplighter.aws.errors import AwsError
from lamplighter.aws.operation import PayloadStream, Response
from lamplighter.aws.scalars import blob_to_json, header_text, timestamp_to_json
from lamplighter.aws.service_model import ServiceModel

JSON = "application/json"
Writer = Callable[[Any], Any]
Serialise = Callable[[Response], "WireResponse"]

_BODILESS = frozenset({204, 304})
_SCALARS: dict[str, Writer] = {"blob": blob_to_json, "timestamp": timestamp_to_json}


class WireResponse(msgspec.Struct, frozen=True):
    """An answer ready for the wire; a body of unknown length is a stream of bytes."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | PayloadStream


class UnknownMember(Exception):
    """An operation answered with a member that AWS's model does not have."""


class Writers:
    """The compiled writers of one service model. None stands for a value that travels as it is."""

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._writers: dict[str, Writer | None] = {}

    def writer(self, shape_name: str) -> Writer | None:
        if shape_name not in self._writers:
            self._writers[shape_name] = self._compile(shape_name)
        return self._writers[shape_name]

    def _compile(self, shape_name: str) -> Writer | None:
        shape = self._model.shape(shape_name)
        kind = shape["type"]
        if kind == "structure":
            members = {name: self.writer(reference["shape"]) for name, reference in shape["members"].items()}
            return _structure_writer(shape_name, members)
        if kind == "list":
            element = self.writer(shape["member"]["shape"])
            return None if element is None else lambda value: [element(item) for item in value]
        if kind == "map":
            inner = self.writer(shape["value"]["shape"])
            return None if inner is None else lambda value: {key: inner(item) for key, item in value.items()}
        return _SCALARS.get(kind)


def _structure_writer(shape_name: str, members: Mapping[str, Writer | None]) -> Writer:
    def write(value: Mapping[str, Any]) -> dict[str, Any]:
        written = {}
        for name, given in value.items():
            if given is None:
                continue
            try:
                writer = members[name]
            except KeyError:
                raise UnknownMember(f"{shape_name} has no member {name}") from None
            written[name] = given if writer is None else writer(given)
        return written

    return write


def compile_response(model: ServiceModel, writers: Writers, operation: Mapping[str, Any]) -> Serialise:
    """The serialiser of one operation."""
    default_status = operation["http"]["responseCode"]
    if "output" not in operation:
        return lambda _response: WireResponse(default_status, [], b"")
    shape_name = operation["output"]["shape"]
    shape = model.shape(shape_name)
    placed = {name: reference for name, reference in shape["members"].items() if "location" in reference}
    headers = [(name, ref["locationName"]) for name, ref in placed.items() if ref["location"] == "header"]
    status_member = next((name for name, ref in placed.items() if ref["location"] == "statusCode"), None)
    write_body = _body_writer(model, writers, shape_name)
    raw_payload = _raw_payload(model, shape)

    def serialise(response: Response) -> WireResponse:
        if raw_payload is None:
            body, content_type = write_body(response)
        else:
            body = response.get(raw_payload) or b""
            content_type = JSON if body else None
        status = default_status if status_member is None else response.get(status_member)
        if status is None:
            status = default_status
        if status in _BODILESS:
            body, content_type = b"", None
        sent = [("Content-Type", content_type)] if content_type else []
        for member, header in headers:
            given = response.get(member)
            if given is not None and (header != "Content-Type" or not content_type):
                sent.append((header, given if type(given) is str else header_text(given)))
        return WireResponse(status, sent, body)

    return serialise


def _raw_payload(model: ServiceModel, shape: Mapping[str, Any]) -> str | None:
    """The member that is the whole body as it stands, if the operation answers with one."""
    payload: str | None = shape.get("payload")
    if payload is None or model.shape(shape["members"][payload]["shape"])["type"] != "blob":
        return None
    return payload


BodyWriter = Callable[[Response], tuple[bytes | PayloadStream, str | None]]


def _body_writer(model: ServiceModel, writers: Writers, shape_name: str) -> BodyWriter:
    """How the body of an operation's answer is made: raw payload, event stream, or JSON of the unplaced members."""
    shape = model.shape(shape_name)
    payload = shape.get("payload")
    if payload is not None:
        target = model.shape(shape["members"][payload]["shape"])
        if target.get("eventstream"):
            encode = _event_encoder(model, writers, target)
            return lambda response: (_encoded(response[payload], encode), event_stream.CONTENT_TYPE)
        write_payload = writers.writer(shape["members"][payload]["shape"]) or _same
        return lambda response: (orjson.dumps(write_payload(response[payload])), JSON)
    placed = frozenset(name for name, reference in shape["members"].items() if "location" in reference)
    if len(placed) == len(shape["members"]) and placed:
        return lambda _response: (b"", None)
    write = writers.writer(shape_name) or _same
    if not placed:
        return lambda response: (orjson.dumps(write(response)), JSON)
    return lambda response: (
        orjson.dumps(write({name: given for name, given in response.items() if name not in placed})),
        JSON,
    )


def _same(value: Any) -> Any:
    return value


EventEncoder = Callable[[Mapping[str, Any]], bytes]


def _event_encoder(model: ServiceModel, writers: Writers, union: Mapping[str, Any]) -> EventEncoder:
    """Encode one event, given as {event type: members}."""
    raw_members = {}
    for event_type, reference in union["members"].items():
        for member, inner in model.shape(reference["shape"])["members"].items():
            if inner.get("eventpayload"):
                raw_members[event_type] = member
    structures = {name: writers.writer(reference["shape"]) or _same for name, reference in union["members"].items()}

    def encode(event: Mapping[str, Any]) -> bytes:
        ((event_type, members),) = event.items()
        if event_type not in structures:
            raise UnknownMember(f"the event stream has no event {event_type}")
        if event_type in raw_members:
            payload = members.get(raw_members[event_type]) or b""
            return event_stream.encode_event(event_type, "application/octet-stream", payload)
        return event_stream.encode_event(event_type, JSON, orjson.dumps(structures[event_type](members)))

    return encode


async def _encoded(events: AsyncIterator[Mapping[str, Any]], encode: EventEncoder) -> PayloadStream:
    async for event in events:
        yield encode(event)


def serialise_error(model: ServiceModel, error: AwsError, request_id: str) -> WireResponse:
    """A refusal as AWS sends it: type and id in headers; in the body members and the message as the model spells it."""
    headers = [("Content-Type", JSON), ("x-amzn-RequestId", request_id), ("x-amzn-ErrorType", error.code)]
    shape = model.shapes.get(error.code)
    modelled = shape["members"] if shape is not None and shape.get("exception") else {}
    body = {}
    for name, given in error.members.items():
        if modelled.get(name, {}).get("location") == "header":
            headers.append((modelled[name]["locationName"], header_text(given)))
        else:
            body[name] = given
    message_member = next((name for name in modelled if name.lower() == "message"), error.message_member)
    body[message_member] = error.message
    return WireResponse(error.status, headers, orjson.dumps(body))
