"""What can be chosen on the command line of scripts/bench."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`pairs` of interleaved windows of `seconds` each; `clients` narrows the scenario to those numbers.

    `minutes` is how long a soak goes on.
    """

    pairs: int = 7
    seconds: float = 2.0
    runtime: str = "python3.11"
    clients: tuple[int, ...] = ()
    with_peers: bool = False
    minutes: float = 1.0
