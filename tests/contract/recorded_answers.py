"""Answers that were recorded from AWS, and how an answer of ours is held against them.

The files in recorded/ hold one scenario after the other: its date, and the answer to each step. What differs from run
to run is a placeholder: the same placeholder stands for the same value throughout a scenario, `<any>` for anything.
`"like": "function"` stands for MEMBERS, less those named in `without`. Must not know the requests.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

FOLDER = Path(__file__).with_name("recorded")
# The members that nearly every recorded function has.
MEMBERS: dict[str, Any] = {
    "Architectures": ["x86_64"],
    "CodeSha256": "<code-sha256:1>",
    "CodeSize": "<code-size>",
    "Description": "",
    "EphemeralStorage": {"Size": 512},
    "FunctionName": "<function-name:1>",
    "Handler": "<any>",
    "LastModified": "<any>",
    "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/<function-name:1>"},
    "MemorySize": 128,
    "PackageType": "Zip",
    "Role": "<any>",
    "Runtime": "<any>",
    "RuntimeVersionConfig": {"RuntimeVersionArn": "<any>"},
    "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
}
_PLACEHOLDER = re.compile(r"<[A-Za-z][\w:-]*>")
_REPEATED = re.compile(r"<(.) (\d+) times>")
_FREE = frozenset({"<any>", "<code-size>"})  # sizes depend on the package, which is not recorded
_EMBEDDED = frozenset({"Policy", "Statement"})  # JSON in a string


def _scenarios() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(FOLDER.glob("*.json")):
        found |= json.loads(file.read_text())["scenarios"]
    return found


SCENARIOS = _scenarios()


def family(prefix: str) -> list[str]:
    """The scenarios whose name begins so, for parametrized tests."""
    return [name for name in SCENARIOS if name.startswith(prefix)]


# Any: answers are JSON.
def ask(call: Callable[..., Any], **members: Any) -> Any:
    """What boto3 answers or raises, in the form of the recordings."""
    try:
        answer = call(**members)
    except ClientError as error:
        answer = error.response
    except ParamValidationError as error:
        return str(error)
    return _plain(answer)


def _plain(answer: Any, key: str = "") -> Any:
    if isinstance(answer, list):
        return [_plain(item) for item in answer]
    if key in _EMBEDDED and isinstance(answer, str):
        return json.loads(answer)
    if not isinstance(answer, dict):
        return answer
    plain = {name: _plain(value, name) for name, value in answer.items() if name != "ResponseMetadata"}
    for name in ("Message", "message"):
        if "Error" in plain and plain.get(name) == plain["Error"].get("Message"):
            del plain[name]
    if "ResponseMetadata" in answer:
        plain["status"] = answer["ResponseMetadata"]["HTTPStatusCode"]
    return plain


class Recording:
    """One scenario: every step must be held once."""

    def __init__(self, name: str) -> None:
        self._answers = SCENARIOS[name]["answers"]
        self._open = set(self._answers)
        self._bound: dict[str, str] = {}

    def expected(self, step: str) -> Any:
        return _whole(self._answers[step])

    def hold(self, step: str, answer: Any) -> Any:
        """Fail unless the answer is the recorded one; returns it."""
        expected = self.expected(step)
        if isinstance(expected, dict) and "status" not in expected and isinstance(answer, dict):
            answer = {name: value for name, value in answer.items() if name != "status"}
        differences = list(self._compare(expected, answer, step))
        assert not differences, "\n".join(differences)
        self._open.discard(step)
        return answer

    def finish(self) -> None:
        assert not self._open, f"these steps were not tried: {sorted(self._open)}"

    def _compare(self, expected: Any, answer: Any, path: str) -> Iterator[str]:
        if isinstance(expected, dict) and isinstance(answer, dict):
            for name in sorted(expected.keys() | answer.keys()):
                if name not in answer:
                    yield f"{path}.{name} is missing"
                elif name not in expected:
                    yield f"{path}.{name} is too much: {answer[name]!r}"
                else:
                    yield from self._compare(expected[name], answer[name], f"{path}.{name}")
        elif isinstance(expected, list) and isinstance(answer, list) and len(expected) == len(answer):
            for place, (one, other) in enumerate(zip(expected, answer, strict=True)):
                yield from self._compare(one, other, f"{path}[{place}]")
        elif not self._matches(expected, answer):
            yield f"{path}: AWS {self._filled(expected)!r}, ours {answer!r}"

    def _matches(self, expected: Any, answer: Any) -> bool:
        if not isinstance(expected, str):
            return type(expected) is type(answer) and bool(expected == answer)
        if expected in _FREE:
            return answer not in (None, "")
        return isinstance(answer, str) and self._bind(expected, answer)

    def _bind(self, expected: str, answer: str) -> bool:
        """Whether the text fits, with placeholders that have been seen before standing for what they stood for."""
        names = _PLACEHOLDER.findall(expected)
        pattern = "(.+)".join(re.escape(part) for part in _PLACEHOLDER.split(expected))
        match = re.fullmatch(pattern, answer, re.DOTALL)
        if match is None:
            return False
        for name, value in zip(names, match.groups(), strict=True):
            known = self._bound.setdefault(name, value)
            if known != value:
                return False
            if name.startswith("<uuid") and self._is_taken(name, value):
                return False  # another revision has another id
        return True

    def _is_taken(self, name: str, value: str) -> bool:
        others = (bound for other, bound in self._bound.items() if other.startswith("<uuid") and other != name)
        return value in others

    def _filled(self, expected: Any) -> Any:
        if not isinstance(expected, str):
            return expected
        return _PLACEHOLDER.sub(lambda match: self._bound.get(match[0], match[0]), expected)


def _whole(answer: Any) -> Any:
    """The answer with what `like` and `<x 4080 times>` stand for."""
    if isinstance(answer, list):
        return [_whole(item) for item in answer]
    if isinstance(answer, str):
        return _REPEATED.sub(lambda match: match[1] * int(match[2]), answer)
    if not isinstance(answer, dict):
        return answer
    own = {name: _whole(value) for name, value in answer.items() if name not in ("like", "without")}
    if "like" not in answer:
        return own
    left_out = answer.get("without", ())
    return {name: value for name, value in MEMBERS.items() if name not in left_out} | own


@contextmanager
def recording(name: str) -> Iterator[Recording]:
    """The scenario; at the end, no step may be left."""
    opened = Recording(name)
    yield opened
    opened.finish()
