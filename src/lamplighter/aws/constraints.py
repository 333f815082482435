"""AWS's constraints on scalar values and AWS's words for breaking them.

"1 validation error detected: Value 'x' at 'role' failed to satisfy constraint: Member must ..." is how every recorded
answer reads; inside lists and maps the rules of the element are listed together. Must not know structures or the wire.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from lamplighter.aws.errors import AwsError, ValidationException

Accepts = Callable[[Any], bool]

NOT_NULL = "Member must not be null"
# No limit of the model on a patterned value is above 10,000; matching a longer one would only burn time.
_LONGEST_MATCHED = 65_536
_ENUM_BUCKETS = 32
_SEPARATORS = r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


class Constraint(NamedTuple):
    """What one scalar shape demands. `accepts` is the quick answer; `clauses` the rules one by one, as AWS tells them;
    `together` the same rules as AWS lists them for an element of a list or map.
    """

    accepts: Accepts | None
    clauses: tuple[tuple[Accepts, str], ...]
    together: str


class Violations(list[str]):
    """What is wrong with one request, in AWS's words. `late` is a refusal that AWS only gives when all else is well."""

    # On the class, because one of these is made for every request and hardly any ever holds anything.
    late: AwsError | None = None

    def add(self, value: Any, path: str, words: str, *, is_sensitive: bool = False) -> None:
        shown = "" if is_sensitive else " null" if value is None else f" '{printed(value)}'"
        self.append(f"Value{shown} at '{path}' failed to satisfy constraint: {words}")

    def settle(self) -> None:
        """Raise what AWS would answer, if anything is wrong."""
        if self:
            plural = "" if len(self) == 1 else "s"
            raise ValidationException(f"{len(self)} validation error{plural} detected: {'; '.join(self)}")
        if self.late is not None:
            raise self.late


def printed(value: Any) -> str:
    """A value as AWS's Java prints it: [a, b] for lists, {k=v} for maps."""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(printed(element) for element in value)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}={printed(element)}' for key, element in value.items())}}}"
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    return str(value)


def java_length(text: str) -> int:
    """Length in UTF-16 code units, which is what AWS counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def enum_set(values: Iterable[str]) -> str:
    """The values in AWS's order: by Java's String.hashCode modulo 32, the later one first where two collide.

    Found from recorded answers: it reproduces every set that we know, including one of 47 runtimes.
    """
    numbered = sorted(enumerate(values), key=lambda pair: (_java_hash(pair[1]) % _ENUM_BUCKETS, -pair[0]))
    return f"Member must satisfy enum value set: [{', '.join(value for _, value in numbered)}]"


def _java_hash(text: str) -> int:
    total = 0
    for character in text:
        total = (31 * total + ord(character)) & 0xFFFFFFFF
    return total


def scalar_constraint(shape: Mapping[str, Any]) -> Constraint:
    """Compile the constraints of a string, number, boolean, blob or timestamp shape."""
    is_number = shape["type"] in {"integer", "long", "double", "float"}
    bounds = _number_bounds(shape) if is_number else _length_bounds(shape)
    clauses: list[tuple[Accepts, str]] = []
    if "enum" in shape:
        known = frozenset(shape["enum"])
        clauses.append((known.__contains__, _enum_words(shape)))
    if "pattern" in shape:
        clauses.append((_matcher(shape), _pattern_words(shape)))
    clauses.extend(bounds)
    order = [words for _, words in bounds] + [words for _, words in clauses[: len(clauses) - len(bounds)]]
    together = ", ".join([words for words in order if not words.endswith("length greater than or equal to 0")])
    separator = ", " if together else ""
    return Constraint(_quick(shape, clauses), tuple(clauses), f"[{together}{separator}{NOT_NULL}]")


def explain(value: Any, path: str, clauses: Iterable[tuple[Accepts, str]], violations: Violations, **how: bool) -> None:
    """Add every broken rule."""
    for accepts, words in clauses:
        if not accepts(value):
            violations.add(value, path, words, **how)


def _enum_words(shape: Mapping[str, Any]) -> str:
    if "enumPrinted" in shape:
        return f"Member must satisfy enum value set: [{', '.join(shape['enumPrinted'])}]"
    return enum_set([*shape["enum"], *shape.get("enumHidden", ())])


def _pattern_words(shape: Mapping[str, Any]) -> str:
    return f"Member must satisfy regular expression pattern: {shape.get('patternPrinted', shape['pattern'])}"


def _quick(shape: Mapping[str, Any], clauses: list[tuple[Accepts, str]]) -> Accepts | None:
    """One predicate for all the rules, without a loop for the shapes on the hot path."""
    if not clauses:
        return None
    if len(clauses) == 1:
        return clauses[0][0]
    if "pattern" in shape and "max" in shape and shape["type"] == "string" and "patternPrinted" not in shape:
        fullmatch, low, high = compile_pattern(shape["pattern"]).fullmatch, shape.get("min", 0), shape["max"]
        return lambda text: (
            low <= (len(text) if text.isascii() else java_length(text)) <= high and fullmatch(text) is not None
        )
    return lambda value: all(accepts(value) for accepts, _ in clauses)


def _matcher(shape: Mapping[str, Any]) -> Accepts:
    fullmatch = compile_pattern(shape["pattern"]).fullmatch
    if "patternPrinted" not in shape:
        return lambda text: len(text) <= _LONGEST_MATCHED and fullmatch(text) is not None
    other = compile_pattern(shape["patternPrinted"]).fullmatch
    return lambda text: len(text) <= _LONGEST_MATCHED and (fullmatch(text) or other(text)) is not None


def _length_bounds(shape: Mapping[str, Any]) -> list[tuple[Accepts, str]]:
    length: Callable[[Any], int] = java_length if shape["type"] == "string" else len
    bounds: list[tuple[Accepts, str]] = []
    if "max" in shape:
        high = shape["max"]
        bounds.append((lambda value: length(value) <= high, f"Member must have length less than or equal to {high}"))
    if "min" in shape:
        low = shape["min"]
        bounds.append((lambda value: length(value) >= low, f"Member must have length greater than or equal to {low}"))
    return bounds


length_bounds = _length_bounds


def _number_bounds(shape: Mapping[str, Any]) -> list[tuple[Accepts, str]]:
    show: Callable[[Any], Any] = float if shape["type"] in {"double", "float"} else int
    bounds: list[tuple[Accepts, str]] = []
    if "max" in shape:
        high = show(shape["max"])
        bounds.append((lambda value: value <= high, f"Member must have value less than or equal to {high}"))
    if "min" in shape:
        low = show(shape["min"])
        bounds.append((lambda value: value >= low, f"Member must have value greater than or equal to {low}"))
    return bounds


def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""A pattern of AWS's (Java) as Python's.

    Python knows no \p{..}; in a class that holds letters, numbers and the underscore, \w is the same set.
    """
    if r"\p{" not in pattern:
        return re.compile(pattern, re.ASCII)
    if r"\p{L}" in pattern and r"\p{N}" in pattern and "_" in pattern:
        pattern = pattern.replace(r"\p{L}", r"\w").replace(r"\p{N}", "").replace(r"\p{Z}", _SEPARATORS)
    if r"\p{" in pattern:
        raise ValueError(f"no translation for the pattern {pattern}")
    return re.compile(pattern)
