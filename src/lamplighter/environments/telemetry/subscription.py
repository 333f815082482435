"""What an extension asks for when it subscribes: which events, where to, how buffered; and everything wrong with it.

AWS publishes one refusal ("URI port is not provided; types should not be empty"); the others are said in its manner.
Pure.
"""

from typing import Any
from urllib.parse import urlsplit

import msgspec

from lamplighter.environments.telemetry.event import EXTENSION, FUNCTION, LOGS_SCHEMAS, PLATFORM, TELEMETRY_SCHEMAS

_HOSTS = ("sandbox.localdomain", "sandbox")
_RESERVED_PORT = 9001
_PORTS = range(1, 65_536)
_MAX_ITEMS = (1_000, 10_000)
_MAX_BYTES = (262_144, 1_048_576)
_TIMEOUT_MS = (25, 30_000)


class Buffering(msgspec.Struct, frozen=True):
    """A batch is sent when it holds so much, or when its first event is so old."""

    max_items: int = 10_000
    max_bytes: int = 262_144
    timeout_ms: int = 1_000


class Target(msgspec.Struct, frozen=True):
    """Where batches go: `path` is empty for TCP."""

    protocol: str
    port: int
    path: str = ""
    host: str = "sandbox.localdomain"
    method: str = "POST"


class Subscription(msgspec.Struct, frozen=True):
    """One extension's."""

    schema: str
    types: tuple[str, ...]
    target: Target
    buffering: Buffering = Buffering()

    @property
    def is_logs_api(self) -> bool:
        return self.schema in LOGS_SCHEMAS


class Invalid(Exception):
    """The request cannot be followed; the text says everything that is wrong."""


def parse_subscription(body: bytes, *, is_logs_api: bool) -> Subscription:
    """Raises Invalid."""
    try:
        asked = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise Invalid(f"failed to parse JSON: {error}") from error
    problems: list[str] = []
    schema = _schema(asked, LOGS_SCHEMAS if is_logs_api else TELEMETRY_SCHEMAS, problems, is_optional=is_logs_api)
    target = _target(asked.get("destination"), problems)
    types = _types(asked.get("types"), problems)
    buffering = _buffering(asked.get("buffering"), problems)
    if problems:
        raise Invalid("; ".join(problems))
    return Subscription(schema, types, target, buffering)


def _schema(asked: dict[str, Any], known: tuple[str, ...], problems: list[str], *, is_optional: bool) -> str:
    schema = asked.get("schemaVersion", known[0] if is_optional else None)
    if schema is None:
        problems.append("schemaVersion is not provided")
    elif schema not in known:
        problems.append(f"schemaVersion should be one of {', '.join(known)}")
    return str(schema)


def _types(asked: object, problems: list[str]) -> tuple[str, ...]:
    known = (PLATFORM, FUNCTION, EXTENSION)
    if not isinstance(asked, list) or not asked:
        problems.append("types should not be empty")
        return ()
    if any(kind not in known for kind in asked):
        problems.append(f"types should be among {', '.join(known)}")
        return ()
    return tuple(kind for kind in known if kind in asked)


def _target(asked: object, problems: list[str]) -> Target:
    if not isinstance(asked, dict):
        problems.append("destination is not provided")
    elif asked.get("protocol") == "HTTP":
        return _http_target(asked, problems)
    elif asked.get("protocol") == "TCP":
        port = asked.get("port")
        _check_port(port, "port is not provided", problems)
        return Target("TCP", port if isinstance(port, int) else 0)
    else:
        problems.append("protocol should be HTTP or TCP")
    return Target("", 0)


def _http_target(asked: dict[str, Any], problems: list[str]) -> Target:
    method = str(asked.get("method", "POST")).upper()
    if method not in ("POST", "PUT"):
        problems.append("method should be POST or PUT")
    try:
        parts = urlsplit(str(asked.get("URI", "")))
        port = parts.port
    except ValueError:
        problems.append("URI is not valid")
        return Target("HTTP", 0)
    if parts.scheme != "http" or parts.hostname not in _HOSTS:
        problems.append("URI should begin with http://sandbox.localdomain")
        return Target("HTTP", 0)
    _check_port(port, "URI port is not provided", problems)
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    if not target.isascii() or not target.isprintable() or " " in target:
        problems.append("URI is not valid")
    return Target("HTTP", port or 0, target, parts.hostname or "", method)


def _check_port(port: object, missing: str, problems: list[str]) -> None:
    if port is None:
        problems.append(missing)
    elif not isinstance(port, int) or isinstance(port, bool) or port not in _PORTS:
        problems.append("port should be a number between 1 and 65535")
    elif port == _RESERVED_PORT:
        problems.append(f"port {_RESERVED_PORT} is reserved")


def _buffering(asked: object, problems: list[str]) -> Buffering:
    if asked is None:
        return Buffering()
    if not isinstance(asked, dict):
        problems.append("buffering should be an object")
        return Buffering()
    usual = Buffering()
    return Buffering(
        _within(asked, "maxItems", _MAX_ITEMS, usual.max_items, problems),
        _within(asked, "maxBytes", _MAX_BYTES, usual.max_bytes, problems),
        _within(asked, "timeoutMs", _TIMEOUT_MS, usual.timeout_ms, problems),
    )


def _within(asked: dict[str, Any], name: str, bounds: tuple[int, int], usual: int, problems: list[str]) -> int:
    value = asked.get(name, usual)
    if isinstance(value, int) and not isinstance(value, bool) and bounds[0] <= value <= bounds[1]:
        return value
    problems.append(f"{name} should be between {bounds[0]} and {bounds[1]}")
    return usual
