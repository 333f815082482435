"""From method, path and query to an operation's name: a trie over path segments, built from the service model.

Paths stay percent-encoded until a segment is taken as a label, so an encoded slash belongs to its label. Two pairs of
operations share method and path and differ by a constant query (?find=LayerVersion, ?List=ALL). Must not know what
an operation is.
"""

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote


class _Route(NamedTuple):
    constants: tuple[str, ...]
    labels: tuple[str, ...]
    target: int


class _Node:
    """One segment deep in the tree: literal children, a label child, a greedy label, and what ends here."""

    __slots__ = ("greedy", "label", "literals", "routes")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.label: _Node | None = None
        self.greedy: _Node | None = None
        self.routes: dict[str, list[_Route]] = {}


class Router:
    """Routes of one service. `match` gives the index of the operation and the decoded labels."""

    def __init__(self, routes: Iterable[tuple[str, str]]) -> None:
        self._root = _Node()
        for index, (method, request_uri) in enumerate(routes):
            self._add(index, method, request_uri)

    def _add(self, index: int, method: str, request_uri: str) -> None:
        path, _, query = request_uri.partition("?")
        node, labels = self._root, []
        for segment in path.strip("/").split("/"):
            if not segment.startswith("{"):
                node = node.literals.setdefault(segment, _Node())
                continue
            labels.append(segment.strip("{+}"))
            if segment.endswith("+}"):
                node.greedy = node.greedy or _Node()
                node = node.greedy
            else:
                node.label = node.label or _Node()
                node = node.label
        ending = node.routes.setdefault(method, [])
        ending.append(_Route(tuple(query.split("&")) if query else (), tuple(labels), index))
        ending.sort(key=lambda route: -len(route.constants))

    def match(self, method: str, path: str, query: str) -> tuple[int, dict[str, str]] | None:
        """The operation that answers, or None. A trailing slash, which older clients send, makes no difference."""
        segments = path.strip("/").split("/")
        taken: list[str] = []
        node = self._descend(self._root, segments, 0, taken, method)
        if node is None:
            return None
        for route in node.routes[method]:
            if not route.constants or set(route.constants) <= set(query.split("&")):
                return route.target, dict(zip(route.labels, taken, strict=True))
        return None

    def _descend(self, node: _Node, segments: list[str], at: int, taken: list[str], method: str) -> _Node | None:
        """The longest literal way first, then a label, then a greedy label; `taken` collects the labels' values.

        Never deeper than the longest route, however long the path.
        """
        if at == len(segments):
            return node if method in node.routes else None
        segment = segments[at]
        literal = node.literals.get(segment)
        if literal is not None:
            found = self._descend(literal, segments, at + 1, taken, method)
            if found is not None:
                return found
        if node.label is not None and segment:
            taken.append(unquote(segment) if "%" in segment else segment)
            found = self._descend(node.label, segments, at + 1, taken, method)
            if found is not None:
                return found
            taken.pop()
        if node.greedy is not None and segment:
            return self._take_rest(node.greedy, segments, at, taken, method)
        return None

    def _take_rest(self, node: _Node, segments: list[str], at: int, taken: list[str], method: str) -> _Node | None:
        """As few segments as leave a literal tail that matches, else all of them."""
        place = len(taken)
        taken.append("")
        for end in range(at + 1, len(segments) + 1):
            found = self._descend(node, segments, end, taken, method)
            if found is not None:
                taken[place] = unquote("/".join(segments[at:end]))
                return found
        taken.pop()
        return None
