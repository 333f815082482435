"""How long an idle environment of one version is kept: as long as its version's own habits say, else for a fixed time.

The method is that of 'Serverless in the Wild' (Shahrad et al., ATC 2020): a histogram of the times between uses, and
its tail as the window. A histogram that is too thin, too flat or mostly beyond its end says nothing. Pure: `now` is
passed in.
"""

from collections import Counter

_BINS = 240
# The longest and the shortest window, in fixed times.
_LONGEST = 6.0
_SHORTEST = 0.1
_FEWEST = 20
_TAIL = 0.99
_MARGIN = 1.1
# The paper's bound for the coefficient of variation of the bins: a flat histogram has a small one.
_FLAT = 2.0
_MOST_BEYOND = 0.5
# What was seen before fades: at so many observations every bin is halved.
_FADES_AT = 1000


class KeepAlive:
    """The times between uses of one version's environments, and the window that follows from them."""

    __slots__ = ("_beyond", "_bins", "_fixed", "_left_at", "_seen", "_width", "_window")

    def __init__(self, fixed_seconds: float) -> None:
        self._fixed = fixed_seconds
        self._width = fixed_seconds * _LONGEST / _BINS
        self._bins: Counter[int] = Counter()
        self._beyond = 0
        self._seen = 0
        self._left_at: float | None = None
        self._window: float | None = fixed_seconds

    @property
    def seconds(self) -> float:
        """How long an environment may be idle."""
        if self._window is None:
            self._window = self._decide()
        return self._window

    def note(self, idle_seconds: float) -> None:
        """An environment was used again, or missed, after so long."""
        if idle_seconds < self._fixed * _LONGEST:
            self._bins[int(idle_seconds / self._width)] += 1
        else:
            self._beyond += 1
        self._seen += 1
        if self._seen >= _FADES_AT:
            self._fade()
        self._window = None

    def let_go(self, idle_since: float) -> None:
        """An environment that was last used at `idle_since` is ended because nobody came."""
        if self._left_at is None or idle_since > self._left_at:
            self._left_at = idle_since

    def missed(self, now: float) -> None:
        """Somebody came when there was no environment any more."""
        left_at, self._left_at = self._left_at, None
        if left_at is not None:
            self.note(now - left_at)

    def _fade(self) -> None:
        self._bins = Counter({number: count // 2 for number, count in self._bins.items() if count > 1})
        self._beyond //= 2
        self._seen = self._bins.total() + self._beyond

    def _decide(self) -> float:
        if self._seen < _FEWEST or self._beyond > _MOST_BEYOND * self._seen or self._is_flat():
            return self._fixed
        left = _TAIL * self._seen
        for number in sorted(self._bins):
            left -= self._bins[number]
            if left <= 0:
                window = (number + 1) * self._width * _MARGIN
                return min(self._fixed * _LONGEST, max(self._fixed * _SHORTEST, window))
        return self._fixed * _LONGEST

    def _is_flat(self) -> bool:
        """Whether the bins differ so little from one another that the histogram has no shape."""
        mean = self._bins.total() / _BINS
        squares = sum(count * count for count in self._bins.values())
        return squares / _BINS - mean * mean < (_FLAT * mean) ** 2
