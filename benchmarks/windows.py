"""Interleaved measuring windows: A B, B A, A B, ... because two sides measured one after the other compare the weather.

A window with a wrong answer in it is void and is taken again a few times; then the measurement is given up.
"""

from collections.abc import Callable
from typing import Any

Figures = dict[str, Any]
MOST_VOID = 3


class MeasurementVoid(Exception):
    """One side answers wrongly; there is nothing to compare."""


def interleave(pairs: int, *sides: Callable[[], Figures]) -> tuple[list[Figures], ...]:
    """Each side measured `pairs` times, the order turned round from pair to pair. Returns one list per side."""
    results: tuple[list[Figures], ...] = tuple([] for _ in sides)
    for number in range(pairs):
        order = range(len(sides)) if number % 2 == 0 else reversed(range(len(sides)))
        for index in order:
            results[index].append(_valid(sides[index]))
    return results


def _valid(side: Callable[[], Figures]) -> Figures:
    last: Figures = {}
    for _ in range(MOST_VOID):
        last = side()
        if last["requests"] and not last["wrong"]:
            return last
    raise MeasurementVoid(f"{last['wrong']} wrong of {last['requests']} answers: {last.get('example', '')}")


def column(windows: list[Figures], name: str) -> list[float]:
    return [float(window[name]) for window in windows if window.get(name) is not None]
