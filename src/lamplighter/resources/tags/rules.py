"""What AWS refuses about tags. Pure."""

from collections.abc import Mapping

from lamplighter.aws.errors import InvalidParameterValueException


def check_tags(present: Mapping[str, str], added: Mapping[str, str], most: int) -> dict[str, str]:
    """`present` with `added` on top, unless that is too many."""
    merged = {**present, **added}
    if len(merged) > most:
        raise InvalidParameterValueException("Number of tags exceeds resource tag limit.")
    return merged
