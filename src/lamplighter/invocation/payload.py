"""Whether an invoke's payload is JSON, and AWS's words when it is not.

Lambda parses with Jackson; its messages are rebuilt for the faults that people meet. Pure.
"""

import base64
import json
import re

import msgspec

from lamplighter.aws.errors import InvalidRequestContentException

_PREFIX = "Could not parse request body into json: Could not parse payload into json: "
_SOURCE = (
    "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]"
)
_VALUES = "JSON String, Number, Array, Object or token 'null', 'true' or 'false'"
_TOO_DEEP = (
    "Document nesting depth (1001) exceeds the maximum allowed "
    "(1000, from `StreamReadConstraints.getMaxNestingDepth()`)"
)
_TOKEN = re.compile(r"[A-Za-z_$][\w$]*")
# What Python's parser missed, and how Jackson says it.
_WANTED = {
    "Expecting property name enclosed in double quotes": "was expecting double-quote to start field name",
    "Expecting ':' delimiter": "was expecting a colon to separate field name and value",
}
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
    except RecursionError:
        raise InvalidRequestContentException(_PREFIX + _TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequestContentException(_PREFIX + explain(payload)) from None
    return payload


def decoded_context(client_context: str) -> str:
    """X-Amz-Client-Context as the runtime gets it: JSON instead of Base64, in ASCII because it travels in a header."""
    try:
        text = base64.b64decode(client_context, validate=True).decode()
        return text if text.isascii() and text.isprintable() else json.dumps(json.loads(text))
    except ValueError as error:
        raise InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.") from error


def explain(payload: bytes) -> str:
    """What is wrong with it, and where, as Jackson says it."""
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        return _explain_bytes(payload, error)
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return _explain_text(text, *_fault(text, error))
    except (RecursionError, ValueError):
        pass
    return "Unrecognized content" + _located(text, len(text) - 1)


def _explain_bytes(payload: bytes, error: UnicodeDecodeError) -> str:
    before = payload[: error.start].decode()
    code = payload[error.start]
    if not before.strip():
        return _unexpected(code, f"expected a valid value ({_VALUES})") + _located(before, len(before))
    kind = "start"
    if error.reason != "invalid start byte":
        kind, code = "middle", payload[min(error.end, len(payload) - 1)]
    # Jackson has read past the byte when it complains.
    return f"Invalid UTF-8 {kind} byte 0x{code:x}" + _located(before, len(before) + 1)


def _fault(text: str, error: json.JSONDecodeError) -> tuple[str, int]:
    """What is missing, and where. Python tells of a trailing comma since 3.13, of the bracket behind it before."""
    if not error.msg.startswith("Illegal trailing comma"):
        return error.msg, error.pos
    behind = text[error.pos + 1 :]
    position = len(text) - len(behind.lstrip())
    return "Expecting value" if text[position] == "]" else next(iter(_WANTED)), position


def _explain_text(text: str, fault: str, position: int) -> str:
    last = len(text) - 1
    if position > last or not text[position:].strip():
        return "Unexpected end-of-input" + _located(text, last)
    if fault.startswith("Unterminated string"):
        return "Unexpected end-of-input: was expecting closing quote for a string value" + _located(text, last)
    token = _TOKEN.match(text, position)
    if token is not None and fault in ("Expecting value", "Extra data"):
        return f"Unrecognized token '{token[0]}': was expecting ({_VALUES})" + _located(text, token.end() - 1)
    wanted = _WANTED.get(fault, f"expected a valid value ({_VALUES})")
    if fault == "Expecting ',' delimiter":
        wanted = (
            f"was expecting comma to separate {'Object' if _innermost(text[:position]) == '{' else 'Array'} entries"
        )
    return _unexpected(ord(text[position]), wanted) + _located(text, position)


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
    """`position` counts from 0, also beyond the end of the text."""
    line_start = text.rfind("\n", 0, position) + 1
    return _SOURCE.format(line=text.count("\n", 0, position) + 1, column=position - line_start + 1)
