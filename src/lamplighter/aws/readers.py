"""Readers: JSON values to checked Python values, compiled from the service model shape by shape, on first use.

A value of the wrong type ends the reading at once (SerializationException); broken constraints are collected, all of
them, in the model's order. Unknown members are ignored. Must not know HTTP or operations.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from lamplighter.aws import errors
from lamplighter.aws.constraints import (
    NOT_NULL,
    Violations,
    enum_set,
    explain,
    length_bounds,
    printed,
    scalar_constraint,
)
from lamplighter.aws.scalars import converter, wrong_type
from lamplighter.aws.service_model import ServiceModel, Shape

Reader = Callable[[Any, str, Violations], Any]

_COMPOSITES = frozenset({"structure", "list", "map"})


class Member(NamedTuple):
    """One member of a structure: its name, its name in AWS's paths, how it is read and whether it must be there."""

    name: str
    path: str
    read: Reader
    is_required: bool


def path_name(member: str) -> str:
    """A member's name as AWS prints it in a path: functionName, kMSKeyArn."""
    return member[:1].lower() + member[1:]


class Readers:
    """The compiled readers of one service model, each made when first asked for."""

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        self._readers: dict[str, Reader] = {}

    def reader(self, shape_name: str) -> Reader:
        found = self._readers.get(shape_name)
        if found is None:
            found = self._readers[shape_name] = self._compile(shape_name)
        return found

    def raw_reader(self, shape_name: str) -> Reader:
        """The reader of a blob that is the whole body: bytes as they came, under the shape's constraints."""
        constraint = scalar_constraint(self._model.shape(shape_name))
        if constraint.accepts is None:
            return as_it_is
        return _scalar(self._model.shape(shape_name), convert=_same)

    def members(self, structure_name: str) -> list[Member]:
        shape = self._model.shape(structure_name)
        required = frozenset(shape.get("required", ()))
        return [
            Member(
                name, path_name(name), self._member_reader(structure_name, name, reference["shape"]), name in required
            )
            for name, reference in shape["members"].items()
        ]

    def _member_reader(self, structure_name: str, member: str, shape_name: str) -> Reader:
        override = self._model.member_override(structure_name, member)
        if override is None:
            return self.reader(shape_name)
        return _late_enum(self._model.shape(shape_name), override)

    def _compile(self, shape_name: str) -> Reader:
        shape = self._model.shape(shape_name)
        if shape["type"] == "structure":
            return _structure(self.members(shape_name))
        if shape["type"] == "list":
            return self._list(shape)
        if shape["type"] == "map":
            return self._map(shape)
        return _scalar(shape)

    def _list(self, shape: Shape) -> Reader:
        element = self._model.shape(shape["member"]["shape"])
        if element["type"] in _COMPOSITES:
            return _list_of_composites(shape, self.reader(shape["member"]["shape"]))
        return _list_of_scalars(shape, element)

    def _map(self, shape: Shape) -> Reader:
        key, value = self._model.shape(shape["key"]["shape"]), self._model.shape(shape["value"]["shape"])
        if value["type"] in _COMPOSITES:
            return _map_of_composites(shape, key, self.reader(shape["value"]["shape"]))
        return _map_of_scalars(shape, key, value)


def _same(value: Any) -> Any:
    return value


def as_it_is(value: Any, _path: str, _violations: Violations) -> Any:
    return value


def _scalar(shape: Shape, convert: Callable[[Any], Any] | None = None) -> Reader:
    convert, constraint = convert or converter(shape["type"]), scalar_constraint(shape)
    accepts, clauses, is_sensitive = constraint.accepts, constraint.clauses, bool(shape.get("sensitive"))

    if accepts is None:
        return lambda value, _path, _violations: convert(value)

    def read_string(value: Any, path: str, violations: Violations) -> Any:
        if type(value) is not str:
            raise wrong_type(value, "string")
        if not accepts(value):
            explain(value, path, clauses, violations, is_sensitive=is_sensitive)
        return value

    if convert is converter("string"):
        return read_string  # most of all scalars; without the detour

    def read(value: Any, path: str, violations: Violations) -> Any:
        value = convert(value)
        if not accepts(value):
            explain(value, path, clauses, violations, is_sensitive=is_sensitive)
        return value

    return read


def _late_enum(shape: Shape, override: dict[str, Any]) -> Reader:
    """A set of values that AWS checks after all the others, with an error and words of its own."""
    convert, known = converter(shape["type"]), frozenset(shape["enum"])
    words = enum_set(shape["enum"])
    if "enumPrinted" in override:
        words = f"Member must satisfy enum value set: [{', '.join(override['enumPrinted'])}]"
    refusal: type[errors.AwsError] = getattr(errors, override["error"])

    def read(value: Any, path: str, violations: Violations) -> Any:
        value = convert(value)
        if value not in known:
            message = f"Value {printed(value)} at '{path}' failed to satisfy constraint: {words}{override['suffix']}"
            violations.late = refusal(message)
        return value

    return read


def _structure(members: list[Member]) -> Reader:
    def read(value: Any, path: str, violations: Violations) -> Any:
        if type(value) is not dict:
            raise wrong_type(value, "structure")
        found = {}
        for name, member_path, read_member, is_required in members:
            given = value.get(name)
            if given is not None:
                found[name] = read_member(given, f"{path}.{member_path}", violations)
            elif is_required:
                violations.add(None, f"{path}.{member_path}", NOT_NULL)
        return found

    return read


def _list_of_scalars(shape: Shape, element: Shape) -> Reader:
    convert, constraint, bounds = converter(element["type"]), scalar_constraint(element), length_bounds(shape)
    accepts, words = constraint.accepts, f"Member must satisfy constraint: {constraint.together}"
    is_sensitive = bool(shape.get("sensitive") or element.get("sensitive"))

    def read(value: Any, path: str, violations: Violations) -> Any:
        if type(value) is not list:
            raise wrong_type(value, "list")
        found = [None if given is None else convert(given) for given in value]
        explain(found, path, bounds, violations, is_sensitive=is_sensitive)
        if any(given is None or (accepts is not None and not accepts(given)) for given in found):
            violations.add(found, path, words, is_sensitive=is_sensitive)
        return found

    return read


def _list_of_composites(shape: Shape, read_element: Reader) -> Reader:
    bounds, is_sensitive = length_bounds(shape), bool(shape.get("sensitive"))

    def read(value: Any, path: str, violations: Violations) -> Any:
        if type(value) is not list:
            raise wrong_type(value, "list")
        explain(value, path, bounds, violations, is_sensitive=is_sensitive)
        found = []
        for position, given in enumerate(value, 1):
            if given is None:
                violations.add(None, f"{path}.{position}.member", NOT_NULL)
            else:
                found.append(read_element(given, f"{path}.{position}.member", violations))
        return found

    return read


def _keys_checker(shape: Shape, key: Shape) -> Callable[[dict[str, Any], str, Violations], None]:
    """Length of a map and the rules of its keys."""
    constraint, bounds = scalar_constraint(key), length_bounds(shape)
    accepts, words = constraint.accepts, f"Map keys must satisfy constraint: {constraint.together}"
    is_sensitive = bool(shape.get("sensitive") or key.get("sensitive"))

    def check(value: dict[str, Any], path: str, violations: Violations) -> None:
        explain(value, path, bounds, violations, is_sensitive=is_sensitive)
        if accepts is not None and not all(map(accepts, value)):
            violations.add(value, path, words, is_sensitive=is_sensitive)

    return check


def _map_of_scalars(shape: Shape, key: Shape, element: Shape) -> Reader:
    check_keys, convert, constraint = _keys_checker(shape, key), converter(element["type"]), scalar_constraint(element)
    accepts, words = constraint.accepts, f"Map values must satisfy constraint: {constraint.together}"
    is_sensitive = bool(shape.get("sensitive") or element.get("sensitive"))

    def read(value: Any, path: str, violations: Violations) -> Any:
        if type(value) is not dict:
            raise wrong_type(value, "map")
        found = {name: None if given is None else convert(given) for name, given in value.items()}
        check_keys(found, path, violations)
        if any(given is None or (accepts is not None and not accepts(given)) for given in found.values()):
            violations.add(found, path, words, is_sensitive=is_sensitive)
        return found

    return read


def _map_of_composites(shape: Shape, key: Shape, read_element: Reader) -> Reader:
    check_keys = _keys_checker(shape, key)

    def read(value: Any, path: str, violations: Violations) -> Any:
        if type(value) is not dict:
            raise wrong_type(value, "map")
        check_keys(value, path, violations)
        found = {}
        for name, given in value.items():
            if given is None:
                violations.add(None, f"{path}.{name}.member", NOT_NULL)
            else:
                found[name] = read_element(given, f"{path}.{name}.member", violations)
        return found

    return read
