"""What the tests of recorded scenarios share: a server that settles slowly enough to be watched, and its functions."""

import itertools
from pathlib import Path
from typing import Any

from lamplighter.control.reconciler import SettlingTimes
from tests.contract.functions import CODE, wait_active, wait_updated
from tests.contract.in_process import ROLE, InProcessLambda
from tests.contract.recorded_answers import Recording, ask

_NUMBERS = itertools.count(1)
_ASKED = ("Timeout", "MemorySize", "Description", "Environment")


class Functions:
    """boto3's client, and functions that are made as a recorded answer says they were."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def create(self, facts: Recording, step: str, *, without: tuple[str, ...] = (), **members: Any) -> str:
        """CreateFunction, held against the step: its settings are those that the answer shows. Returns the name."""
        shown = facts.expected(step)
        asked = {name: shown[name] for name in _ASKED if shown.get(name)}
        name = self.name()
        request = {key: value for key, value in (self._least(name) | asked | members).items() if key not in without}
        facts.hold(step, ask(self.client.create_function, **request))
        self.wait_active(name)
        return name

    def make(self, **members: Any) -> str:
        """A function that is not part of the recording."""
        name = self.name()
        self.client.create_function(**(self._least(name) | members))
        self.wait_active(name)
        return name

    def wait_active(self, name: str) -> None:
        wait_active(self.client, name)

    def wait_updated(self, name: str) -> None:
        wait_updated(self.client, name)

    def name(self) -> str:
        return f"recorded-{next(_NUMBERS)}"

    def _least(self, name: str) -> dict[str, Any]:
        return {
            "FunctionName": name,
            "Runtime": "python3.12",
            "Handler": "handler.handler",
            "Role": ROLE,
            "Code": {"ZipFile": CODE},
        }


def slow_server(folder: Path) -> InProcessLambda:
    """Whose updates last long enough that the next call still meets them."""
    return InProcessLambda(folder, times=SettlingTimes(creation_seconds=0.0, update_seconds=0.2))
