"""One row of the escape suite: what is tried, the defence that must stop it, and how it is shown to stop it.

Each probe runs three times: in a sandbox as it is; in one that lacks every *other* layer that might stop it too
(`beside`), so that the defence named is the one that does; and without the defence, where it must get through.
"""

import errno
from dataclasses import dataclass
from typing import Any

BARE = "bare"  # in place of a set of defences: outside any sandbox
REFUSALS = frozenset(
    {
        errno.EPERM,
        errno.EACCES,
        errno.ENOSYS,
        errno.EROFS,
        errno.ENOENT,
        errno.ESRCH,
        errno.EAFNOSUPPORT,
        errno.EPROTONOSUPPORT,
        errno.ECONNREFUSED,
        errno.ENETUNREACH,
        errno.ENOSPC,
    }
)
KILLED_BY_FILTER = "signal 31"
# What a machine answers that was built without the thing: then nothing can be shown.
ABSENT = frozenset({errno.ENOSYS, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EOPNOTSUPP})


def names(*sets: str) -> str:
    """Several sets of defences, each joined by "+", as one in a fixed order."""
    return "+".join(sorted({name for part in sets for name in part.split("+") if name}))


@dataclass(frozen=True, slots=True)
class Probe:
    """`attempt` is a function of inside/probes.py with its arguments. `defence` and `beside` name what weakened.c can
    leave out, joined by "+"; the defence BARE is being in a sandbox at all.
    """

    says: str
    attempt: tuple[str, ...]
    defence: str
    beside: str = ""

    @property
    def alone(self) -> str:
        """The setting in which only the defence is left to stop the attempt."""
        return names(self.beside)

    @property
    def control(self) -> str:
        return BARE if self.defence == BARE else names(self.beside, self.defence)

    @property
    def settings(self) -> tuple[str, ...]:
        return ("", self.alone, self.control)

    def __str__(self) -> str:
        return " ".join(self.attempt)


def is_stopped(answer: Any) -> bool:
    """An errno of refusal, nothing found, or killed by the filter."""
    if isinstance(answer, int):
        return answer in REFUSALS
    return answer in ("", [], KILLED_BY_FILTER)


def is_absent(answer: Any) -> bool:
    return isinstance(answer, int) and answer in ABSENT
