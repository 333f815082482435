"""The examples that the AWS CLI documents for Lambda, read from the installed awscli: commands and what they print.

Must not know servers.
"""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ACCOUNT = "123456789012"
MAPPING = "a1b2c3d4-5678-90ab-cdef-11111EXAMPLE"
_REGION = re.compile(r"\b[a-z]{2}-[a-z]+-\d\b")


@dataclass(frozen=True, slots=True)
class Example:
    """`output` is what the documentation shows, None where it shows nothing."""

    name: str
    command: tuple[str, ...]
    region: str
    # Any: JSON.
    output: Any

    @property
    def verb(self) -> str:
        return self.command[2]

    def of_account(self, account: str, mapping: str) -> list[str]:
        """The words after `aws`, for a caller of another account whose event source mapping is `mapping`.

        Version 1 of the CLI has no --cli-binary-format: as the page says, only version 2 needs it.
        """
        text = [word.replace(ACCOUNT, account).replace(MAPPING, mapping) for word in self.command[1:]]
        if "--cli-binary-format" in text:
            del text[(place := text.index("--cli-binary-format")) : place + 2]
        return text


def examples() -> list[Example]:
    spec = find_spec("awscli")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "examples" / "lambda"
    return [example for page in sorted(folder.glob("*.rst")) for example in _of_page(page)]


def _of_page(page: Path) -> Iterator[Example]:
    text = page.read_text()
    region = next(iter(_REGION.findall(text)), "us-west-2")
    blocks = [block for block in _literal_blocks(text) if block.lstrip().startswith(("aws ", "{"))]
    for place, block in enumerate(blocks):
        if not block.startswith("aws "):
            continue
        following = blocks[place + 1] if place + 1 < len(blocks) else ""
        output = json.loads(following) if following.startswith("{") else None
        number = sum(other.startswith("aws ") for other in blocks[:place])
        name = page.stem if number == 0 else f"{page.stem}-{number + 1}"
        yield Example(name, tuple(shlex.split(block.replace("\\\n", " "))), region, output)


def _literal_blocks(text: str) -> Iterator[str]:
    """The indented blocks of a page, without the indentation."""
    block: list[str] = []
    for line in [*text.splitlines(), "end"]:
        if line.startswith("    ") or (block and not line.strip()):
            block.append(line[4:])
        elif block:
            yield "\n".join(block).strip()
            block = []


def key_paths(value: Any, path: str = "") -> set[str]:
    """Where the keys of a JSON value are; lists are looked through, and so is JSON inside a string."""
    if isinstance(value, str) and value.startswith("{"):
        value = json.loads(value)
    if isinstance(value, list):
        return {found for item in value for found in key_paths(item, path)}
    if not isinstance(value, dict):
        return set()
    # The page for put-provisioned-concurrency-config has spaces in names.
    here = {f"{path}{key.replace(' ', '')}" for key in value}
    return here | {found for key, item in value.items() for found in key_paths(item, f"{path}{key.replace(' ', '')}.")}
