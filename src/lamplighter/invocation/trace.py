"""The X-Ray trace header of an invoke: passed on as it came, made up when there is none. Pure."""

from lamplighter.kernel.ids import Ids


def trace_header(received: str, now: float, ids: Ids) -> str:
    """`Root=1-<8 hex of time>-<24 hex>;Parent=<16 hex>;Sampled=0`, or what the caller sent."""
    if received:
        return received
    digits = ids.hex(40)
    return f"Root=1-{int(now):08x}-{digits[:24]};Parent={digits[24:]};Sampled=0"
