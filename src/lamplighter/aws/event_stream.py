"""The application/vnd.amazon.eventstream framing: one binary message per event of a streamed answer.

A message is: total length, header length, CRC32 of those eight bytes, headers, payload, CRC32 of all before. Must not
know which events an operation sends; the writers do.
"""

import struct
from collections.abc import Mapping
from zlib import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_STRING = 7
_OVERHEAD = 16
_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")
_VALUE_HEAD = struct.Struct(">BH")


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message with string headers."""
    encoded = b"".join(_header(name, value) for name, value in headers.items())
    prelude = _PRELUDE.pack(len(encoded) + len(payload) + _OVERHEAD, len(encoded))
    start = prelude + _CRC.pack(crc32(prelude)) + encoded
    return b"".join((start, payload, _CRC.pack(crc32(payload, crc32(start)))))


def _header(name: str, value: str) -> bytes:
    name_bytes, value_bytes = name.encode(), value.encode()
    return bytes((len(name_bytes),)) + name_bytes + _VALUE_HEAD.pack(_STRING, len(value_bytes)) + value_bytes


def encode_event(event_type: str, content_type: str, payload: bytes) -> bytes:
    """A normal event."""
    return encode_message({":event-type": event_type, ":content-type": content_type, ":message-type": "event"}, payload)


def encode_exception(exception_type: str, payload: bytes) -> bytes:
    """A modelled exception in the middle of a stream."""
    headers = {":exception-type": exception_type, ":content-type": "application/json", ":message-type": "exception"}
    return encode_message(headers, payload)
