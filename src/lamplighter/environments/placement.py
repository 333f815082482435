"""How many environments to start for the invokes that wait. Pure: figures in, decision out.

An environment that has just answered polls again within microseconds, and a busy environment of a quick function is
free again sooner than a new one has started; starting early would only crowd the cores (more active environments than
cores cost a quarter of the rate). Whoever has waited too long gets a new environment whatever the figures say.
"""

import msgspec

# A runtime client polls again within 0.1 ms of its answer, on a crowded machine within several. About what a start
# costs: waiting longer for an environment never pays, waiting less may start one for nothing.
SETTLING_SECONDS = 0.03
PATIENCE_SECONDS = 0.03


class Situation(msgspec.Struct, frozen=True):
    """One pool at one moment. `mean_seconds` is the mean duration of recent invokes, None before the first."""

    waiting: int
    longest_wait_seconds: float
    starting: int
    settling: int
    busy: int
    mean_seconds: float | None
    cores: int


class Decision(msgspec.Struct, frozen=True):
    """Start so many now; look again after `recheck_seconds` (None: nothing to look at)."""

    start: int
    recheck_seconds: float | None = None


def decide(situation: Situation) -> Decision:
    uncovered = situation.waiting - situation.starting
    if uncovered <= 0:
        return Decision(0)
    missing = uncovered - situation.settling
    if missing <= 0:
        return Decision(0, SETTLING_SECONDS)
    patience = PATIENCE_SECONDS - situation.longest_wait_seconds
    if patience > 0 and _is_soon_free(situation, missing):
        return Decision(0, patience)
    return Decision(missing, SETTLING_SECONDS if situation.settling else None)


def _is_soon_free(situation: Situation, missing: int) -> bool:
    working = situation.busy + situation.settling
    if situation.mean_seconds is None or working < situation.cores:
        return False
    return situation.mean_seconds * (missing + working) / working < PATIENCE_SECONDS
