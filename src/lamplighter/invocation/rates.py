"""A rate, exact under any clock: so many in so many seconds, refilled evenly, nothing kept beyond that. Pure."""

# A thousandth: what the rounding of clocks may take away, never one more than allowed.
_ROUNDING = 1e-3


class Allowance:
    """`take` one after the other; `now` is passed in, and so is the size, which may change."""

    __slots__ = ("_at", "_spent")

    def __init__(self) -> None:
        self._spent = 0.0
        self._at = 0.0

    def take(self, now: float, size: int, seconds: float = 1.0) -> float:
        """0.0 when it may be taken; else the seconds until it may, and nothing is taken."""
        spent = self._spent - (now - self._at) * size / seconds
        if spent < 0.0:  # noqa: PLR1730  # every invoke comes through here, and a call of max() is a third of it
            spent = 0.0
        self._at = now
        over = spent + 1.0 - size
        if over > _ROUNDING:
            self._spent = spent
            return over * seconds / size
        self._spent = spent + 1.0
        return 0.0

    def give_back(self) -> None:
        """What was taken last was not used after all."""
        self._spent -= 1.0

    def is_whole(self, now: float, size: int, seconds: float = 1.0) -> bool:
        """Whether all of it may be taken."""
        return self._spent <= (now - self._at) * size / seconds
