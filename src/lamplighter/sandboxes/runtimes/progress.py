"""Progress of an installation as values, and a bar for whoever wants to show it on a terminal.

Importers report steps through a callable that is passed in; they never print. Must not know who listens.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True, slots=True)
class Step:
    """What is being done for one runtime, and how far the whole installation is (0.0 to 1.0)."""

    runtime: str
    text: str
    fraction: float


Progress = Callable[[Step], None]


def ignore(_step: Step) -> None:
    """The listener for those who do not care."""


class ProgressBar:
    """Draws steps on a stream: one moving line on a terminal, one line for each new text elsewhere."""

    _CELLS = 24

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._last = ""

    def __call__(self, step: Step) -> None:
        if self._is_terminal:
            self._draw(step)
        elif step.text != self._last:
            self._stream.write(f"{step.runtime}: {step.text}\n")
            self._last = step.text
        self._stream.flush()

    def _draw(self, step: Step) -> None:
        fraction = min(max(step.fraction, 0.0), 1.0)
        filled = round(fraction * self._CELLS)
        line = f"{step.runtime:<16} {'█' * filled}{'·' * (self._CELLS - filled)} {fraction:4.0%} {step.text}"
        columns = shutil.get_terminal_size().columns
        self._stream.write("\r\x1b[K" + line[: columns - 1] + ("\n" if fraction >= 1.0 else ""))


def scaled(progress: Progress, start: float, end: float) -> Progress:
    """A listener for a part of the work, which takes the stretch from `start` to `end` of the whole."""

    def listener(step: Step) -> None:
        progress(Step(step.runtime, step.text, start + (end - start) * step.fraction))

    return listener
