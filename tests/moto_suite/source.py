"""moto's own Lambda tests, from its source distribution on PyPI: fetched once, copied, corrected where AWS differs.

The version is that of the moto installed here. corrections.toml says what is corrected and why. Must not know servers.
"""

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from typing import Any

HOME = Path(__file__).parents[2]
CORRECTIONS = Path(__file__).with_name("corrections.toml")
SUITE = "tests/test_awslambda"
# What the suite imports besides itself.
_NEEDED = re.compile(r"[^/]+/tests/(test_awslambda/.*|test_s3/__init__\.py|test_ecr/[a-z_]*\.py|[a-z_]+\.py)")
_PYTEST_INI = "[pytest]\nmarkers =\n    network\n    requires_docker\n    aws_verified\n    requires_clean_slate\n"


def kept_source() -> Path:
    """The unpacked tests of the installed moto, in .cache."""
    number = version("moto")
    kept = HOME / ".cache" / f"moto-{number}"
    if not (kept / SUITE).is_dir():
        downloads = kept.with_suffix(".downloads")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "moto"]
        subprocess.run([*pip, "--dest", str(downloads), f"moto=={number}"], check=True, timeout=180)
        half = kept.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        _unpack(next(downloads.glob("moto-*.tar.gz")), half)
        half.rename(kept)
        shutil.rmtree(downloads)
    return kept


def _unpack(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as packed:
        for member in packed:
            if member.isfile() and _NEEDED.fullmatch(member.name):
                content = packed.extractfile(member)
                assert content is not None
                file = target.joinpath(*Path(member.name).parts[1:])
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content.read())


def corrected_copy(source: Path, target: Path) -> Path:
    """A copy in `target` with every correction made; each must fit. Returns the folder to run pytest in."""
    shutil.copytree(source, target)
    (target / "pytest.ini").write_text(_PYTEST_INI)
    for correction in corrections():
        file = target / SUITE / correction["file"]
        text = file.read_text()
        for old, new in correction["changes"]:
            assert old in text, f"{correction['file']} does not hold {old!r} (any more): {correction['why']}"
            text = text.replace(old, new)
        file.write_text(text)
    return target


# Any: TOML.
def corrections() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(CORRECTIONS.read_text())["correction"]
    return found


def exceptions() -> dict[str, str]:
    """Tests that cannot judge us even when corrected, each with the reason. `*` stands for anything."""
    found: dict[str, str] = tomllib.loads(CORRECTIONS.read_text())["exceptions"]
    return found


def is_excepted(test: str) -> bool:
    return any(fnmatchcase(test, pattern) for pattern in exceptions())


def not_run() -> dict[str, str]:
    """Tests that would only wait, each with the reason. `*` stands for anything."""
    found: dict[str, str] = tomllib.loads(CORRECTIONS.read_text())["not_run"]
    return found
