"""Values that satisfy a shape of the model, and values that break exactly one of its constraints.

A tiny sampler walks a pattern's parse tree and takes the first way through. Must not know how the server checks.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

from lamplighter.aws.constraints import compile_pattern
from lamplighter.aws.service_model import ServiceModel, Shape

# The parse tree of a pattern has no public name; the alternative is a table of samples by hand that goes stale.
kinds, parser = import_module("re._constants"), import_module("re._parser")

# Patterns whose first way through breaks another constraint of the same shape.
BY_HAND = {
    "EventSourceMappingArn": "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:"
    "12345678-1234-1234-1234-123456789012",
    "CollectionName": "items",
    "Handler": "index.handler",
}


class Broken(NamedTuple):
    """One member of an operation's input with a value that breaks one constraint, and AWS's words for it."""

    operation: str
    path: tuple[str | int, ...]
    value: Any
    words: str


def _first_way(tree: Any) -> str:
    return "".join(_one(kind, argument) for kind, argument in tree)


def _one(kind: Any, argument: Any) -> str:
    if kind is kinds.LITERAL:
        return chr(argument)
    if kind is kinds.IN:
        return _member_of(argument)
    if kind in {kinds.MAX_REPEAT, kinds.MIN_REPEAT}:
        low, _high, inner = argument
        return _first_way(inner) * int(low)
    if kind is kinds.SUBPATTERN:
        return _first_way(argument[3])
    if kind is kinds.BRANCH:
        return max((_first_way(branch) for branch in argument[1]), key=len)
    return "" if kind in {kinds.AT, kinds.ASSERT, kinds.ASSERT_NOT} else "a"


def _member_of(members: Any) -> str:
    if members[0][0] is kinds.NEGATE:
        return "a"
    ranges = [argument for kind, argument in members if kind is kinds.RANGE]
    if ranges:
        return "a" if any(low <= ord("a") <= high for low, high in ranges) else chr(ranges[0][0])
    for kind, argument in members:
        if kind is kinds.CATEGORY:
            return "1" if argument is kinds.CATEGORY_DIGIT else "a"
    return chr(members[0][1])


def text_of(name: str, shape: Shape) -> str:
    """A text that the shape accepts."""
    if "enum" in shape:
        return str(shape["enum"][0])
    if name in BY_HAND:
        return BY_HAND[name]
    low = max(int(shape.get("min", 0)), 1)
    if "pattern" not in shape:
        return "a" * low
    sample = _first_way(parser.parse(compile_pattern(str(shape["pattern"])).pattern)) or "a"
    return sample.ljust(low, sample[-1])


def valid(model: ServiceModel, name: str, *, full: bool = False) -> Any:
    """A value of the shape: only what is required, or with `full` every member."""
    shape = model.shape(name)
    kind = shape["type"]
    if kind == "structure":
        wanted = shape["members"] if full else shape.get("required", ())
        return {member: valid(model, shape["members"][member]["shape"], full=full) for member in wanted}
    if kind == "list":
        return [valid(model, shape["member"]["shape"], full=full)] * max(shape.get("min", 0), 1)
    if kind == "map":
        return {valid(model, shape["key"]["shape"]): valid(model, shape["value"]["shape"], full=full)}
    if kind == "string":
        return text_of(name, shape)
    samples = {"boolean": True, "blob": b"xyz", "timestamp": 1_750_000_000}
    return samples[kind] if kind in samples else max(shape.get("min", 0), 1)


def broken(model: ServiceModel, operation: str) -> Iterator[Broken]:
    """Every way to break a single member of an operation's input."""
    described = model.operations[operation]
    if "input" in described:
        for path, value, words in _breaks(model, described["input"]["shape"], ()):
            yield Broken(operation, path, value, words)


def _breaks(model: ServiceModel, structure: str, at: tuple[str | int, ...]) -> Iterator[tuple[Any, Any, str]]:
    shape = model.shape(structure)
    for member, reference in shape["members"].items():
        path = (*at, member)
        if member in shape.get("required", ()) and reference.get("location") != "uri":
            yield path, None, "Member must not be null"
        for case in _breaks_of(model, reference["shape"], path):
            if reference.get("location") != "querystring" or case[1] != []:  # a query cannot hold an empty list
                yield case


def _breaks_of(model: ServiceModel, name: str, path: tuple[str | int, ...]) -> Iterator[tuple[Any, Any, str]]:
    shape = model.shape(name)
    kind = shape["type"]
    if kind == "structure":
        yield from _breaks(model, name, path)
    elif kind == "list":
        yield from _breaks_of_list(model, shape, path)
    elif kind == "map":
        yield from _breaks_of_map(model, shape, path)
    else:
        yield from ((path, value, words) for value, words in _scalar_breaks(name, shape))


def _breaks_of_list(model: ServiceModel, shape: Shape, path: tuple[str | int, ...]) -> Iterator[tuple[Any, Any, str]]:
    element = shape["member"]["shape"]
    if "max" in shape:
        most = shape["max"]
        words = f"Member must have length less than or equal to {most}"
        yield path, [valid(model, element)] * (most + 1), words
    if shape.get("min"):
        yield path, [], f"Member must have length greater than or equal to {shape['min']}"
    if model.shape(element)["type"] in {"structure", "list", "map"}:
        yield from _breaks_of(model, element, (*path, 0))
    else:
        for _, value, words in _breaks_of(model, element, path):
            yield path, [value], words


def _breaks_of_map(model: ServiceModel, shape: Shape, path: tuple[str | int, ...]) -> Iterator[tuple[Any, Any, str]]:
    key, value_name = shape["key"]["shape"], shape["value"]["shape"]
    for _, value, words in _breaks_of(model, key, path):
        yield path, {value: valid(model, value_name)}, words
    if model.shape(value_name)["type"] not in {"structure", "list", "map"}:
        for _, value, words in _breaks_of(model, value_name, path):
            yield path, {valid(model, key): value}, words


def _scalar_breaks(name: str, shape: Shape) -> Iterator[tuple[Any, str]]:
    kind = shape["type"]
    if kind == "string":
        yield from _text_breaks(name, shape)
    elif kind in {"integer", "long", "double"}:
        if "min" in shape:
            yield shape["min"] - 1, "Member must have value greater than or equal to"
        if "max" in shape:
            yield shape["max"] + 1, "Member must have value less than or equal to"
    elif kind == "blob" and "max" in shape:
        yield b"x" * (shape["max"] + 1), f"Member must have length less than or equal to {shape['max']}"


def _text_breaks(name: str, shape: Shape) -> Iterator[tuple[str, str]]:
    if "enum" in shape:
        yield "NoSuchValue", "Member must satisfy enum value set: ["
    if "pattern" in shape:
        matches = compile_pattern(shape["pattern"]).fullmatch
        wrong = next((text for text in ("!! §", "\n", "€ é", "", "12") if not matches(text)), None)
        if wrong is not None:
            yield wrong, "Member must satisfy regular expression pattern: "
    sample = text_of(name, shape)
    if "max" in shape and shape["max"] < 100_000:
        longer = sample + sample[-1] * (shape["max"] + 1 - len(sample))
        yield longer, f"Member must have length less than or equal to {shape['max']}"
    if shape.get("min"):
        yield sample[: shape["min"] - 1], f"Member must have length greater than or equal to {shape['min']}"
