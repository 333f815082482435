"""Scalars between JSON or text (query, headers, path) and Python, with AWS's words for a value of the wrong type.

Timestamps become seconds since 1970 as float, blobs bytes. Must not know constraints, structures or operations.
"""

import math
import re
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from lamplighter.aws.errors import SerializationException

Convert = Callable[[Any], Any]

_INTEGER = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_END_OF_9999 = 253_402_300_799
_INT_BITS = {"integer": 31, "long": 63}
_NAMES = {
    "string": "a String",
    "integer": "an Integer",
    "long": "a Long",
    "double": "a Double",
    "float": "a Float",
    "boolean": "a Boolean",
    "blob": "a Blob",
    "timestamp": "a Date",
}


def wrong_type(value: Any, kind: str) -> SerializationException:
    """The refusal for a JSON value where the model wants a `kind`."""
    if isinstance(value, dict):
        return SerializationException("Start of structure or map found where not expected.")
    if isinstance(value, list):
        return SerializationException("Start of list found where not expected")
    if kind in {"list", "map", "structure"}:
        return SerializationException("Unexpected field type")
    token = "TRUE" if value is True else "FALSE" if value is False else "STRING" if type(value) is str else "NUMBER"
    return SerializationException(f"{token}_VALUE can not be converted to {_NAMES[kind]}")


def converter(kind: str) -> Convert:
    """From a JSON value (never null) to Python, refusing other types."""
    return _FROM_JSON[kind]


def text_converter(kind: str) -> Convert | None:
    """From the text of a header, a query or a path to Python; None where text is what is wanted."""
    return _FROM_TEXT.get(kind)


def _string(value: Any) -> str:
    if type(value) is not str:
        raise wrong_type(value, "string")
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise wrong_type(value, "boolean")
    return value


def _whole(kind: str) -> Convert:
    limit = 1 << _INT_BITS[kind]

    def convert(value: Any) -> int:
        if type(value) is float and math.isfinite(value):
            value = int(value)
        if type(value) is not int or not -limit <= value < limit:
            raise wrong_type(value, kind)
        return value

    return convert


def _double(value: Any) -> float:
    if type(value) not in {int, float}:
        raise wrong_type(value, "double")
    return float(value)


def _blob(value: Any) -> bytes:
    if type(value) is not str:
        raise wrong_type(value, "blob")
    try:
        return a2b_base64(value.encode("ascii"), strict_mode=True)
    except (Base64Error, UnicodeEncodeError):
        raise SerializationException("The value can not be converted to a Blob: it is not valid Base64.") from None


def _timestamp(value: Any) -> float:
    if type(value) in {int, float}:
        return _in_range(float(value))
    if type(value) is str:
        return _timestamp_text(value)
    raise wrong_type(value, "timestamp")


def _timestamp_text(text: str) -> float:
    if _NUMBER.fullmatch(text):
        return _in_range(float(text))
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise wrong_type(text, "timestamp") from None


def _in_range(seconds: float) -> float:
    if not math.isfinite(seconds) or abs(seconds) > _END_OF_9999:
        raise wrong_type(seconds, "timestamp")
    return seconds


def _whole_text(kind: str) -> Convert:
    convert = _whole(kind)

    def from_text(text: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise wrong_type(text, kind)
        whole: int = convert(int(text))
        return whole

    return from_text


def _boolean_text(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise wrong_type(text, "boolean")
    return text.lower() == "true"


def _double_text(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise wrong_type(text, "double")
    return float(text)


_FROM_JSON: dict[str, Convert] = {
    "string": _string,
    "boolean": _boolean,
    "integer": _whole("integer"),
    "long": _whole("long"),
    "double": _double,
    "float": _double,
    "blob": _blob,
    "timestamp": _timestamp,
}
_FROM_TEXT: dict[str, Convert] = {
    "boolean": _boolean_text,
    "integer": _whole_text("integer"),
    "long": _whole_text("long"),
    "double": _double_text,
    "float": _double_text,
    "timestamp": _timestamp_text,
}


def blob_to_json(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def timestamp_to_json(value: float | datetime) -> float | int:
    """Seconds since 1970; whole ones as an integer, as AWS prints them."""
    seconds = value.timestamp() if isinstance(value, datetime) else value
    return int(seconds) if seconds == int(seconds) else round(seconds, 3)


def header_text(value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    return str(value)
