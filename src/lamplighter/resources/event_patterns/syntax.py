"""Whether a text is an event pattern at all: a JSON object whose leaves are lists of values and operators.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html. Pure; must not know events.
"""

import ipaddress
import json
from collections.abc import Callable
from typing import Any

_OR = "$or"
_LOWER, _UPPER = frozenset({">", ">="}), frozenset({"<", "<="})
_PAIR = 2


class PatternRefused(ValueError):
    """The text is no event pattern; the message says why."""


# Any: a pattern is JSON of any shape until it is checked.
def read_pattern(text: str) -> dict[str, Any]:
    """The pattern that `text` is. Raises PatternRefused."""
    try:
        pattern = json.loads(text)
    except ValueError as error:
        raise PatternRefused("not JSON") from error
    if not isinstance(pattern, dict):
        raise PatternRefused("not an object")
    _check_object(pattern)
    return pattern


def _check_object(pattern: dict[str, Any]) -> None:
    if not pattern:
        raise PatternRefused("empty objects match nothing")
    for name, value in pattern.items():
        if name == _OR and _is_or(value):
            for choice in value:
                _check_object(choice)
        elif isinstance(value, dict):
            _check_object(value)
        elif isinstance(value, list) and value:
            for leaf in value:
                _check_leaf(name, leaf)
        else:
            raise PatternRefused(f"{name} must be an object or a list that is not empty")


def _is_or(value: Any) -> bool:
    """Fewer than two alternatives, or other things than objects, make $or an ordinary field."""
    return isinstance(value, list) and len(value) >= _PAIR and all(isinstance(choice, dict) for choice in value)


def _check_leaf(name: str, leaf: Any) -> None:
    if isinstance(leaf, list):
        raise PatternRefused(f"{name} holds a list in a list")
    if isinstance(leaf, dict):
        _check_operator(leaf, _OPERATORS)


def _check_operator(leaf: dict[str, Any], operators: dict[str, Callable[[Any], bool]]) -> None:
    if len(leaf) != 1:
        raise PatternRefused("an operator stands alone in its object")
    ((operator, value),) = leaf.items()
    is_valid = operators.get(operator)
    if is_valid is None:
        raise PatternRefused(f"there is no operator {operator}")
    if not is_valid(value):
        raise PatternRefused(f"{operator} does not take this value")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_affix(value: Any) -> bool:
    """A prefix or suffix: text, or text whose case does not matter."""
    if isinstance(value, dict):
        return set(value) == {"equals-ignore-case"} and _is_text(value["equals-ignore-case"])
    return _is_text(value)


def _is_wildcard(value: Any) -> bool:
    return _is_text(value) and "**" not in value


def _is_cidr(value: Any) -> bool:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return _is_text(value) and "/" in value


def _is_numeric(value: Any) -> bool:
    """One comparison, or a lower and an upper bound."""
    if not isinstance(value, list) or len(value) not in (_PAIR, 2 * _PAIR):
        return False
    signs, numbers = value[::2], value[1::2]
    if not all(_is_number(number) for number in numbers) or not all(_is_text(sign) for sign in signs):
        return False
    if len(signs) == 1:
        return signs[0] == "=" or signs[0] in _LOWER | _UPPER
    return signs[0] in _LOWER and signs[1] in _UPPER and numbers[0] < numbers[1]


def _is_anything_but(value: Any) -> bool:
    if isinstance(value, dict):
        _check_operator(value, _EXCLUSIONS)
        return True
    if isinstance(value, list):
        return bool(value) and (all(map(_is_text, value)) or all(map(_is_number, value)))
    return _is_text(value) or _is_number(value)


def _one_or_more(is_valid: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        return bool(value) and all(map(is_valid, value)) if isinstance(value, list) else is_valid(value)

    return check


def _is_filled_text(value: Any) -> bool:
    return _is_text(value) and bool(value)


_EXCLUSIONS: dict[str, Callable[[Any], bool]] = {
    "prefix": _one_or_more(_is_filled_text),
    "suffix": _one_or_more(_is_filled_text),
    "equals-ignore-case": _one_or_more(_is_text),
    "wildcard": _one_or_more(_is_wildcard),
}
_OPERATORS: dict[str, Callable[[Any], bool]] = {
    "prefix": _is_affix,
    "suffix": _is_affix,
    "equals-ignore-case": _is_text,
    "wildcard": _is_wildcard,
    "anything-but": _is_anything_but,
    "numeric": _is_numeric,
    "cidr": _is_cidr,
    "exists": lambda value: isinstance(value, bool),
}
