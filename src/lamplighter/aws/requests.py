"""Request parsers: path labels, query, headers and body of a rest-json request to an operation's checked input.

Compiled per operation on first use. Must not know routing, authentication or what an operation does.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_plus

import orjson

from lamplighter.aws.constraints import NOT_NULL, Violations
from lamplighter.aws.errors import SerializationException
from lamplighter.aws.readers import Member, Reader, Readers, as_it_is
from lamplighter.aws.scalars import text_converter, wrong_type
from lamplighter.aws.service_model import ServiceModel

RequestParser = Callable[[Mapping[str, str], str, Mapping[str, str], bytes], dict[str, Any]]

_BODY, _URI, _HEADER, _QUERY = range(4)
_SOURCES = {"uri": _URI, "header": _HEADER, "querystring": _QUERY}
_NOTHING: dict[str, Any] = {}
_REMEMBERED_LABELS = 4096


class _Input(NamedTuple):
    """One member of an operation's input and where it travels."""

    name: str
    source: int
    key: str
    path: str
    read: Reader
    is_required: bool


def compile_request(model: ServiceModel, readers: Readers, operation: Mapping[str, Any]) -> RequestParser:
    """The parser of one operation: (path values, query, headers with lower-case names, body) -> input."""
    if "input" not in operation:
        return lambda _path_values, _query, _headers, _body: {}
    structure = operation["input"]["shape"]
    shape = model.shape(structure)
    payload = shape.get("payload")
    inputs = []
    for member in readers.members(structure):
        reference = shape["members"][member.name]
        if member.name == payload and model.shape(reference["shape"])["type"] == "blob":
            member = member._replace(read=readers.raw_reader(reference["shape"]))  # noqa: PLW2901
        inputs.append(_input(model, reference, member))
    read_body = _body_reader(model, shape, payload, has_members=any(item.source == _BODY for item in inputs))
    has_query = any(item.source == _QUERY for item in inputs)
    # Most requests use none of the optional headers and no query: then there is no need to look for each.
    optional = frozenset(item.key for item in inputs if item.source == _HEADER and not item.is_required)
    usual = [item for item in inputs if item.is_required or item.source in {_BODY, _URI}]

    def parse(path_values: Mapping[str, str], query: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        violations = Violations()
        sources = (read_body(body), path_values, headers, parse_query(query) if has_query and query else _NOTHING)
        found = {}
        is_usual = not query and optional.isdisjoint(headers)
        for name, source, key, path, read, is_required in usual if is_usual else inputs:
            given = sources[source].get(key)
            if given is not None:
                found[name] = read(given, path, violations)
            elif is_required:
                violations.add(None, path, NOT_NULL)
        if violations or violations.late:
            violations.settle()
        return found

    raw = [item for item in inputs if item.source == _BODY and item.read is as_it_is and not item.is_required]
    labels = [item for item in inputs if item.source == _URI]
    if len(usual) == 2 and len(raw) == len(labels) == 1:  # noqa: PLR2004  # the label and the payload
        return _remembering(parse, labels[0].key, raw[0].name, optional)
    return parse


def _remembering(parse: RequestParser, label: str, payload: str, optional: frozenset[str]) -> RequestParser:
    """For an operation on one resource whose payload is not looked into: what a label was read as is remembered.

    `optional` are the headers that would have to be read as well.
    """
    known: dict[str, dict[str, Any]] = {}

    def parse_again(
        path_values: Mapping[str, str], query: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, Any]:
        if query or not optional.isdisjoint(headers):
            return parse(path_values, query, headers, body)
        found = known.get(path_values[label])
        if found is None:
            found = parse(path_values, query, headers, b"")
            if len(known) >= _REMEMBERED_LABELS:
                known.clear()
            known[path_values[label]] = found
        return {**found, payload: body}

    return parse_again


def _input(model: ServiceModel, reference: Mapping[str, Any], member: Member) -> _Input:
    source = _SOURCES.get(reference.get("location", ""), _BODY)
    key, read = reference.get("locationName", member.name), member.read
    if source == _HEADER:
        key = key.lower()
    if source != _BODY:
        read = _from_text(model, reference["shape"], read, is_query=source == _QUERY)
    return _Input(member.name, source, key, member.path, read, member.is_required)


def _from_text(model: ServiceModel, shape_name: str, read: Reader, *, is_query: bool) -> Reader:
    """Wrap a reader for values that arrive as text; a query holds lists of them."""
    shape = model.shape(shape_name)
    if shape["type"] == "list":
        convert = text_converter(model.shape(shape["member"]["shape"])["type"])
        return lambda value, path, violations: read(
            [text if convert is None else convert(text) for text in value], path, violations
        )
    convert = text_converter(shape["type"])
    if is_query:
        return lambda value, path, violations: read(
            value[0] if convert is None else convert(value[0]), path, violations
        )
    if convert is None:
        return read
    return lambda value, path, violations: read(convert(value), path, violations)


def _body_reader(
    model: ServiceModel, shape: Mapping[str, Any], payload: str | None, *, has_members: bool
) -> Callable[[bytes], dict[str, Any]]:
    """From the body to the members that travel in it: JSON members, one JSON payload, raw bytes, or nothing."""
    if payload is not None:
        if model.shape(shape["members"][payload]["shape"])["type"] == "blob":
            is_required = payload in shape.get("required", ())
            return lambda body: {payload: body} if body or not is_required else _NOTHING
        return lambda body: {payload: parse_json(body)} if body else _NOTHING
    if not has_members:
        return lambda _body: _NOTHING

    def read_object(body: bytes) -> dict[str, Any]:
        if not body:
            return _NOTHING
        value = parse_json(body)
        if type(value) is not dict:
            raise wrong_type(value, "structure")
        return value

    return read_object


def parse_json(body: bytes) -> Any:
    """The body as JSON. Nesting is limited by the decoder (1,024 deep), far above any shape's depth."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise SerializationException(f"Could not parse request body into json: {error}") from None


def parse_query(query: str) -> dict[str, list[str]]:
    """A query string as lists of values by name, decoded."""
    found: dict[str, list[str]] = {}
    for pair in query.split("&"):
        if not pair:
            continue
        name, _, value = pair.partition("=")
        if "%" in name:
            name = unquote(name)
        if "%" in value or "+" in value:
            value = unquote_plus(value)
        found.setdefault(name, []).append(value)
    return found
