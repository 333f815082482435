"""Whether an invoke's payload is JSON, and AWS's words when it is not.

Lambda parses with Jackson; its messages are rebuilt for the faults that people meet. Pure.
"""

import json
import re

import msgspec

from lamplighter.aws.errors import InvalidRequestContentException

_PREFIX = "Could not parse request body into json: Could not parse payload into json: "
_SOURCE = (
    "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]"
)
_VALUES = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'"
_RAW = msgspec.json.Decoder(msgspec.Raw)


def checked_payload(payload: bytes) -> bytes:
    """The event that the function gets: an empty payload is an empty object. Raises InvalidRequestContentException."""
    if not payload:
        return b"{}"
    try:
        _RAW.decode(payload)
        # msgspec's Raw does not look inside strings.
        if not payload.isascii():
            payload.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequestContentException(_PREFIX + explain(payload)) from None
    return payload


def explain(payload: bytes) -> str:
    """What is wrong with it, and where, as Jackson says it."""
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        return _explain_bytes(payload, error)
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return _explain_text(text, error)
    except (RecursionError, ValueError):
        pass
    return "Unrecognized content" + _located(text, len(text) - 1)


def _explain_bytes(payload: bytes, error: UnicodeDecodeError) -> str:
    before = payload[: error.start].decode()
    code = payload[error.start]
    if not before.strip():
        return _unexpected(code, f"expected a valid value ({_VALUES})") + _located(before, len(before) - 1)
    kind = "start" if error.reason == "invalid start byte" else "middle"
    if kind == "middle":
        code = payload[min(error.end, len(payload) - 1)]
    return f"Invalid UTF-8 {kind} byte 0x{code:x}" + _located(before, len(before))


def _explain_text(text: str, error: json.JSONDecodeError) -> str:
    position = error.pos
    if position >= len(text) or not text[position:].strip():
        return "Unexpected end-of-input" + _located(text, len(text) - 1)
    character = text[position]
    if error.msg == "Expecting value":
        token = re.match(r"[A-Za-z_$][\w$]*", text[position:])
        if token is not None:
            found = token[0]
            return f"Unrecognized token '{found}': was expecting ({_VALUES})" + _located(
                text, position + len(found) - 1
            )
        return _unexpected(ord(character), f"expected a valid value ({_VALUES})") + _located(text, position)
    if error.msg == "Expecting property name enclosed in double quotes":
        return _unexpected(ord(character), "was expecting double-quote to start field name") + _located(text, position)
    if error.msg == "Expecting ':' delimiter":
        wanted = "was expecting a colon to separate field name and value"
        return _unexpected(ord(character), wanted) + _located(text, position)
    if error.msg == "Expecting ',' delimiter":
        kind = "Object" if _innermost(text[:position]) == "{" else "Array"
        return _unexpected(ord(character), f"was expecting comma to separate {kind} entries") + _located(text, position)
    if error.msg.startswith("Unterminated string"):
        return "Unexpected end-of-input: was expecting closing quote for a string value" + _located(text, len(text) - 1)
    if error.msg.startswith("Extra data"):
        return f"Trailing token after the value: {character!r}" + _located(text, position)
    return _unexpected(ord(character), f"expected a valid value ({_VALUES})") + _located(text, position)


def _innermost(text: str) -> str:
    """The bracket that is open at the end of valid JSON text."""
    open_brackets: list[str] = []
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', text):
        if found[0] in "[{":
            open_brackets.append(found[0])
        elif found[0] in "]}" and open_brackets:
            open_brackets.pop()
    return open_brackets[-1] if open_brackets else ""


def _unexpected(code: int, wanted: str) -> str:
    is_control = code < 0x20 or 0x7F <= code < 0xA0  # noqa: PLR2004  # the C0 and C1 control characters
    name = f"(CTRL-CHAR, code {code})" if is_control else f"'{chr(code)}' (code {code})"
    return f"Unexpected character ({name}): {wanted}"


def _located(text: str, position: int) -> str:
    before = text[: position + 1]
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) if line > 1 else len(before)
    return _SOURCE.format(line=line, column=max(1, column))
