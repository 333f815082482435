"""Paths of the sandbox translated into the host's, for processes that run without any mount of their own.

Pure, and only an approximation: a path that a program builds itself (or that lies in a file) stays untranslated.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from lamplighter.sandboxes.sandbox import SandboxSpec


class HostPaths:
    """Where the sandbox's paths lie on the host."""

    def __init__(self, spec: SandboxSpec, *, tmp: Path, opt: Path) -> None:
        places = [(PurePosixPath(bind.target), bind.source) for bind in spec.binds]
        places += [(PurePosixPath("/tmp"), tmp), (PurePosixPath("/opt"), opt)]  # noqa: S108 - inside
        # The innermost mount decides; the root comes last.
        self._places = sorted(places, key=lambda place: -len(place[0].parts))
        self._root = spec.root

    def path(self, text: str) -> str:
        """The host's path for an absolute path of the sandbox; other text is returned as it is."""
        if not text.startswith("/"):
            return text
        inside = PurePosixPath(text)
        for target, source in self._places:
            if inside.is_relative_to(target):
                return str(source / inside.relative_to(target))
        in_root = self._root / inside.relative_to("/")
        return str(in_root) if in_root.exists() else text

    def value(self, text: str) -> str:
        """A variable's value, if it is a path or a list of paths with ':' between them."""
        if not text.startswith("/"):
            return text
        return ":".join(self.path(part) for part in text.split(":"))

    def variables(self, env: Mapping[str, str]) -> dict[str, str]:
        return {name: self.value(text) for name, text in env.items()}
