"""Percentiles of one window, and what seven or more interleaved pairs of windows say about a ratio.

Pure. A single window is never a result: on a shared machine rates drift up to 2.5x, so a ratio is taken inside each
pair and judged by the median of the pairs.
"""

import math
from collections.abc import Sequence
from statistics import median
from typing import Any

LEAST_PAIRS = 7


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """The smallest value that at least `fraction` of the ordered values do not exceed."""
    if not ordered:
        return math.nan
    return ordered[min(len(ordered) - 1, max(0, math.ceil(fraction * len(ordered)) - 1))]


def summary(values: Sequence[float], digits: int = 3) -> dict[str, Any]:
    """Median with least and most; NaN-free, so that the JSON stays JSON."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return {"median": None, "min": None, "max": None, "windows": 0}
    return {
        "median": round(median(known), digits),
        "min": round(min(known), digits),
        "max": round(max(known), digits),
        "windows": len(known),
    }


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """Ours over theirs, one ratio per pair; says so when there are too few pairs to judge by."""
    pairs = [mine / other for mine, other in zip(ours, theirs, strict=True) if other]
    return {**summary(pairs), "enough_pairs": len(pairs) >= LEAST_PAIRS}


def judged(name: str, value: float | None, bound: float, *, at_most: bool) -> dict[str, Any]:
    """A figure beside the bound that an issue set for it."""
    holds = value is not None and (value <= bound if at_most else value >= bound)
    return {
        "figure": name,
        "value": value,
        "bound": bound,
        "kind": "at most" if at_most else "at least",
        "holds": holds,
    }
