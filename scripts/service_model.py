"""Derives the vendored service model from botocore's: without documentation, and only what a server needs.

Called by scripts/refresh-model. Must not know how the server uses the model.
"""

import argparse
import gzip
import json
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

HOME = Path(__file__).parents[1]
VENDORED = HOME / "src/lamplighter/aws/model/lambda-2015-03-31.json.gz"
IN_BOTOCORE = "botocore/data/lambda/2015-03-31/service-2.json.gz"
SHAPE_KEYS = frozenset(
    {"type", "members", "member", "key", "value", "required", "enum", "pattern", "min", "max", "error", "exception"}
    | {"fault", "sensitive", "payload", "streaming", "event", "eventstream"}
)
MEMBER_KEYS = frozenset({"shape", "location", "locationName", "eventpayload", "idempotencyToken", "streaming"})
OPERATION_KEYS = frozenset({"http", "input", "output", "errors", "deprecated", "readonly"})
METADATA_KEYS = frozenset({"apiVersion", "protocol", "serviceId", "signingName", "endpointPrefix"})


def stripped(description: dict[str, Any], version: str) -> dict[str, Any]:
    """The model without what only a client or a reader of documentation needs."""
    return {
        "metadata": {**_only(description["metadata"], METADATA_KEYS), "botocore": version},
        "operations": {name: _operation(entry) for name, entry in sorted(description["operations"].items())},
        "shapes": {name: _shape(entry) for name, entry in sorted(description["shapes"].items())},
    }


def _only(entry: dict[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key in keys}


def _operation(entry: dict[str, Any]) -> dict[str, Any]:
    kept = _only(entry, OPERATION_KEYS)
    for side in ("input", "output"):
        if side in kept:
            kept[side] = {"shape": kept[side]["shape"]}
    kept["errors"] = [error["shape"] for error in kept.get("errors", ())]
    return kept


def _shape(entry: dict[str, Any]) -> dict[str, Any]:
    kept = _only(entry, SHAPE_KEYS)
    if "members" in kept:
        kept["members"] = {name: _only(reference, MEMBER_KEYS) for name, reference in kept["members"].items()}
    for part in ("member", "key", "value"):
        if part in kept:
            kept[part] = _only(kept[part], MEMBER_KEYS)
    return kept


def drift(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """What `theirs` has that `ours` has not, and the reverse: operations, shapes, members, enum values, constraints."""
    found = _names("operation", ours["operations"], theirs["operations"])
    found += _names("shape", ours["shapes"], theirs["shapes"])
    for name in sorted(ours["shapes"].keys() & theirs["shapes"].keys()):
        old, new = ours["shapes"][name], theirs["shapes"][name]
        found += _names(f"member of {name}", old.get("members", {}), new.get("members", {}))
        found += _names(f"value of {name}", dict.fromkeys(old.get("enum", ())), dict.fromkeys(new.get("enum", ())))
        found += [
            f"changed {key} of {name}: {old.get(key)} -> {new.get(key)}"
            for key in ("pattern", "min", "max", "required", "error")
            if old.get(key) != new.get(key)
        ]
    for name in sorted(ours["operations"].keys() & theirs["operations"].keys()):
        if ours["operations"][name] != theirs["operations"][name]:
            found.append(f"changed operation {name}")
    return found


def _names(what: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    gone = [f"gone {what}: {name}" for name in sorted(old.keys() - new.keys())]
    return [f"new {what}: {name}" for name in sorted(new.keys() - old.keys())] + gone


def read_botocore(wheels: Path) -> tuple[dict[str, Any], str]:
    """The newest description: from a downloaded wheel, or from the installed botocore."""
    for wheel in wheels.glob("botocore-*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            return json.loads(gzip.decompress(archive.read(IN_BOTOCORE))), wheel.name.split("-")[1]
    installed = metadata.distribution("botocore")
    packed = Path(str(installed.locate_file(IN_BOTOCORE))).read_bytes()
    return json.loads(gzip.decompress(packed)), installed.version


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/refresh-model", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="tell the drift, change nothing")
    parser.add_argument("--installed", action="store_true", help="use the botocore of the development environment")
    parser.add_argument("--wheels", type=Path, default=Path("/nonexistent"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    description, version = read_botocore(arguments.wheels)
    theirs = stripped(description, version)
    has_ours = VENDORED.exists()
    ours = json.loads(gzip.decompress(VENDORED.read_bytes())) if has_ours else {"operations": {}, "shapes": {}}
    found = drift(ours, theirs) if has_ours else []
    for line in found:
        print(line)
    known = ours["metadata"]["botocore"] if has_ours else "none"
    print(f"vendored: botocore {known}; compared with: botocore {version}; differences: {len(found)}")
    if not arguments.check:
        text = json.dumps(theirs, separators=(",", ":")).encode()
        VENDORED.write_bytes(gzip.compress(text, 9, mtime=0))
        print(f"written: {VENDORED.relative_to(HOME)}, {len(text)} bytes, {VENDORED.stat().st_size} packed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
