"""The Lineage field of a trace header: which functions have run in one chain of events, and how often each. Pure.

`Lineage=<invokes>:<function>:<times before>`, as AWS writes it; further functions of the chain follow behind commas, so
that a loop of several is counted exactly. Whatever hands an event on hands the header on: the SDKs do, our deliveries
do, and event sources must. Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html.
"""

import zlib
from functools import lru_cache
from urllib.parse import unquote

# A function runs so often in one chain; the next invoke is stopped.
MOST_INVOKES = 16
_MOST_FUNCTIONS = 32
_MOST_COUNTED = 255
_FIELD = "Lineage="


@lru_cache(maxsize=20_000)
def fingerprint(account_id: str, region: str, name: str) -> str:
    """Eight hexadecimal digits that stand for the function."""
    return f"{zlib.crc32(f'{account_id}/{region}/{name}'.encode()):08x}"


@lru_cache(maxsize=20_000)
def opening(account_id: str, region: str, name: str) -> str:
    """What a header without a lineage gets appended: the function is the first of its chain."""
    return f";{_FIELD}1:{fingerprint(account_id, region, name)}:0"


def has_lineage(received: str) -> bool:
    return _FIELD in received


def continued(received: str, function: str) -> tuple[str, int]:
    """The header for the function that runs next, and how often it has run in this chain before."""
    if _FIELD not in received:
        return f"{received};{_FIELD}1:{function}:0", 0
    fields = [field for field in received.split(";") if field]
    told = next((field for field in fields if field.startswith(_FIELD)), "")
    invokes, times = _parsed(told.removeprefix(_FIELD))
    before = times.get(function, -1) + 1
    if before or len(times) < _MOST_FUNCTIONS:
        times[function] = before
    chain = ",".join(f"{name}:{count}" for name, count in times.items())
    others = [field for field in fields if not field.startswith(_FIELD)]
    return ";".join([*others, f"{_FIELD}{min(_MOST_COUNTED, invokes + 1)}:{chain}"]), before


def _parsed(lineage: str) -> tuple[int, dict[str, int]]:
    """How many invokes, and each function's count; nothing when it is not a lineage. Some SDKs percent-encode it."""
    invokes, _, chain = unquote(lineage).partition(":")
    times: dict[str, int] = {}
    try:
        for entry in chain.split(","):
            function, _, count = entry.partition(":")
            if len(function) != 8 or int(function, 16) < 0 or int(count) < 0:  # noqa: PLR2004  # see fingerprint
                return 0, {}
            times[function] = int(count)
        return max(0, int(invokes)), times
    except ValueError:
        return 0, {}
