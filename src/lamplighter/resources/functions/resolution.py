"""What a qualifier stands for: the version to run, the weights of an alias, and what admission must know.

Pure: chance is passed in. Must not know where functions are stored.
"""

from dataclasses import dataclass, field

from lamplighter.resources.functions.model import FunctionConfiguration


@dataclass(frozen=True, slots=True)
class WeightedVersion:
    """A version that takes `weight` (0..1) of an alias's invokes."""

    configuration: FunctionConfiguration
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedFunction:
    """A function version ready to be invoked. `alias` is the alias asked for, if any.

    `configuration` is the version that takes what `additional_versions` leaves; `may_recurse` that no loop is stopped.
    """

    configuration: FunctionConfiguration
    alias: str | None = None
    reserved_concurrency: int | None = None
    may_recurse: bool = False
    additional_versions: tuple[WeightedVersion, ...] = ()
    extra: dict[str, str] = field(default_factory=dict)

    def choose(self, draw: float) -> FunctionConfiguration:
        """The version that one invoke goes to; `draw` is uniform in [0, 1)."""
        for candidate in self.additional_versions:
            if draw < candidate.weight:
                return candidate.configuration
            draw -= candidate.weight
        return self.configuration
