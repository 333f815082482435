"""AWS's service model as we keep it: botocore's description without its documentation, plus what AWS says otherwise.

`model/<service>-<version>.json.gz` is renewed by scripts/refresh-model; `model/overrides.json` is written by hand and
tells where AWS's recorded answers differ from the model. Must not know routes, codecs or operations' code.
"""

import zlib
from pathlib import Path
from typing import Any

import orjson

# The model is data of AWS's making, read once and walked by key: spelling its grammar out as types would check nothing.
Shape = dict[str, Any]

_FOLDER = Path(__file__).parent / "model"
_VERSIONS = {"lambda": "2015-03-31"}
_GZIP = 31


class ServiceModel:
    """Operations and shapes by name, with the overrides applied."""

    __slots__ = ("_member_overrides", "metadata", "name", "operations", "shapes")

    def __init__(self, name: str, description: dict[str, Any], overrides: dict[str, Any]) -> None:
        self.name = name
        self.metadata: dict[str, Any] = description["metadata"]
        self.operations: dict[str, Any] = description["operations"]
        self.shapes: dict[str, Shape] = description["shapes"]
        for shape_name, changes in overrides["shapes"].items():
            self.shapes[shape_name] = {**self.shapes[shape_name], **changes}
        self._member_overrides: dict[str, Any] = overrides["members"]

    def shape(self, name: str) -> Shape:
        return self.shapes[name]

    def member_override(self, structure: str, member: str) -> dict[str, Any] | None:
        """What AWS does differently for one member of one structure, if anything."""
        found: dict[str, Any] | None = self._member_overrides.get(f"{structure}.{member}")
        return found

    def exceptions(self) -> dict[str, Shape]:
        return {name: shape for name, shape in self.shapes.items() if shape.get("exception")}


def load_model(name: str) -> ServiceModel:
    """Read the vendored model of one service (about a millisecond)."""
    packed = (_FOLDER / f"{name}-{_VERSIONS[name]}.json.gz").read_bytes()
    overrides = orjson.loads((_FOLDER / "overrides.json").read_bytes())
    return ServiceModel(name, orjson.loads(zlib.decompress(packed, _GZIP)), overrides[name])
