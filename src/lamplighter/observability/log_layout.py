"""Where logs are on disk and how a line of them reads. Pure: names and bytes in, names and bytes out.

`<account>/<region>/<log group>/<log stream>.<number>.jsonl`, names percent-encoded, so that no name can climb; one
JSON object a line, so that grep, tail and jq can read them.
"""

from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

import msgspec

SUFFIX = ".jsonl"
_PART_CHARACTERS = 200
_CONTINUED = "+"  # never occurs in an encoded name


class LogStreamKey(NamedTuple):
    """Names one log stream."""

    account_id: str
    region: str
    group: str
    stream: str


class LogRecord(msgspec.Struct, frozen=True, gc=False):
    """One log event. The message may have several lines; `timestamp` is in milliseconds since 1970."""

    timestamp: int
    message: str


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(LogRecord)


def encode_records(records: list[LogRecord]) -> bytes:
    try:
        return _encoder.encode_lines(records)
    except UnicodeEncodeError:  # lone surrogates: text that no terminal and no JSON can show
        cleaned = [
            LogRecord(record.timestamp, record.message.encode("utf-8", "replace").decode()) for record in records
        ]
        return _encoder.encode_lines(cleaned)


def decode_record(line: bytes) -> LogRecord | None:
    """None for a line that is no record."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def encode_name(name: str) -> tuple[str, ...]:
    """`name` as file names below each other: one, or several for a long name, all but the last marked as continued."""
    encoded = quote(name, safe="[]$")
    if encoded.startswith("."):
        encoded = "%2E" + encoded[1:]
    parts = [encoded[start : start + _PART_CHARACTERS] for start in range(0, len(encoded), _PART_CHARACTERS)] or [""]
    for index in range(1, len(parts)):
        if parts[index].startswith("."):
            parts[index] = "%2E" + parts[index][1:]
    return (*(part + _CONTINUED for part in parts[:-1]), parts[-1] or "%")


def decode_name(parts: tuple[str, ...]) -> str:
    joined = "".join(part.removesuffix(_CONTINUED) for part in parts)
    return "" if joined == "%" else unquote(joined)


def is_continued(part: str) -> bool:
    return part.endswith(_CONTINUED)


def region_directory(root: Path, account_id: str, region: str) -> Path:
    return root.joinpath(*encode_name(account_id), *encode_name(region))


def group_directory(root: Path, account_id: str, region: str, group: str) -> Path:
    return region_directory(root, account_id, region).joinpath(*encode_name(group))


def stream_file(group: Path, stream: str, number: int) -> Path:
    *above, last = encode_name(stream)
    return group.joinpath(*above, f"{last}.{number:06d}{SUFFIX}")


def stream_of_file(group: Path, file: Path) -> str:
    *above, last = file.relative_to(group).parts
    return decode_name((*above, last.removesuffix(SUFFIX).rpartition(".")[0]))
