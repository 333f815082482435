"""A measuring process of its own that answers one JSON line on stdout to each JSON line on stdin.

Each child has its own pipes (one that inherits the harness's pipe would hang it), its stderr goes to a file, and
every wait has a deadline.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

HOME = Path(__file__).parents[1]


class ChildFailed(Exception):
    """A child did not answer in time or ended; holds the end of what it wrote to stderr."""


class Child:
    """A running `python -m benchmarks.<module>`."""

    def __init__(self, module: str, folder: Path, *arguments: str) -> None:
        self._errors = folder / f"{module}-{time.monotonic_ns()}.stderr"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"benchmarks.{module}", *arguments],
                cwd=HOME,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._unread = b""

    def ask(self, question: dict[str, Any], seconds: float) -> Any:  # Any: whatever the child answers
        self.tell(question)
        return self.answer(seconds)

    def tell(self, question: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()

    def answer(self, seconds: float) -> Any:  # Any: whatever the child answers
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise ChildFailed(f"no answer within {seconds} s: {self._last_words()}")
                received = os.read(self._process.stdout.fileno(), 65536)
                if not received:
                    raise ChildFailed(f"ended: {self._last_words()}")
                self._unread += received
        line, self._unread = self._unread.split(b"\n", 1)
        return json.loads(line)

    def _last_words(self) -> str:
        return self._errors.read_text(errors="replace")[-2000:]

    def end(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(timeout=5)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
