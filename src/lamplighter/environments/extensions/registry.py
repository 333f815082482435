"""The extensions of one execution environment: who is registered, who still works, who waits for an event.

Init and invoke end when everybody who takes part has asked for the next event; the owner is told then. Must not know
processes, sandboxes or how refusals look on the wire.
"""

from collections.abc import Iterator
from typing import Protocol

from lamplighter.environments.extensions.extension import INVOKE, SHUTDOWN, Extension
from lamplighter.environments.extensions.machine import ExtensionState, ExtensionTrigger
from lamplighter.environments.runtime_api.answers import JSON_HEADERS, Answering
from lamplighter.kernel.ids import Ids

MOST_EXTENSIONS = 10
INIT_ERROR = "Extension.InitError"
EXIT_ERROR = "Extension.ExitError"
CRASH = "Extension.Crash"
LAUNCH_ERROR = "Extension.LaunchError"

INTERNAL_SHUTDOWN_SECONDS = 0.5
EXTERNAL_SHUTDOWN_SECONDS = 2.0


class NotRegistered(Exception):
    """A registration is refused: AWS's error type and message."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message


class Owner(Protocol):
    """The execution environment."""

    def extension_registered(self) -> None: ...

    def extensions_settled(self) -> None:
        """Everybody who had something to do has asked for the next event."""
        ...


class Extensions:
    """All extensions of one life of a sandbox."""

    def __init__(self, owner: Owner, ids: Ids) -> None:
        self._owner = owner
        self._ids = ids
        self._all: dict[str, Extension] = {}  # by identifier
        self._pending: set[Extension] = set()
        self._is_open = True
        self._last_event = b""
        self._to_be_told: set[Extension] = set()
        self.fatal_type = ""

    def __iter__(self) -> Iterator[Extension]:
        return iter(self._all.values())

    # --- who there is

    def add_external(self, name: str) -> Extension:
        """An extension whose process is about to start. Raises NotRegistered."""
        if len(self._all) >= MOST_EXTENSIONS:
            raise NotRegistered("Extension.TooManyExtensions", f"Extension limit ({MOST_EXTENSIONS}) reached")
        return self._add(name, is_external=True)

    def _add(self, name: str, *, is_external: bool) -> Extension:
        extension = Extension(name, self._ids.uuid(), is_external)
        self._all[extension.identifier] = extension
        return extension

    def named(self, name: str) -> Extension | None:
        return next((extension for extension in self if extension.name == name), None)

    def identified(self, identifier: str) -> Extension | None:
        return self._all.get(identifier)

    def add_internal(self, name: str) -> Extension:
        """An extension inside the runtime's process registers itself. Raises NotRegistered."""
        if not self._is_open:
            raise NotRegistered("Extension.RegistrationClosed", "Extension registration closed already")
        if len(self._all) >= MOST_EXTENSIONS:
            raise NotRegistered("Extension.TooManyExtensions", f"Extension limit ({MOST_EXTENSIONS}) reached")
        return self._add(name, is_external=False)

    def register(self, extension: Extension, events: tuple[str, ...]) -> bool:
        """Whether it was in a state to register. Init then waits for its first poll."""
        if not extension.move(ExtensionTrigger.REGISTER):
            return False
        extension.events = events
        self._pending.add(extension)
        self._owner.extension_registered()
        return True

    @property
    def are_registered(self) -> bool:
        """Whether every external extension has registered."""
        return all(extension.state is not ExtensionState.STARTED for extension in self)

    def close_registration(self) -> None:
        """The runtime is initialised: nobody else may join."""
        self._is_open = False

    # --- events

    @property
    def is_pending(self) -> bool:
        """Whether somebody has not asked for the next event yet."""
        return bool(self._pending)

    def polled(self, extension: Extension, exchange: Answering) -> bool:
        """It asks for its next event. Whether it was in a state to."""
        if extension.poll is not None and extension.poll.is_gone:
            extension.poll = exchange  # it hung up and asks again
            return True
        if not extension.move(ExtensionTrigger.NEXT):
            return False
        extension.poll = exchange
        if extension in self._to_be_told:
            self._to_be_told.discard(extension)
            self._give(extension, self._last_event)
        elif extension in self._pending:
            self._pending.discard(extension)
            if not self._pending:
                self._owner.extensions_settled()
        return True

    def give_invoke(self, event: bytes) -> None:
        """Hand an invoke to everybody who wants invokes."""
        for extension in self:
            if extension.wants(INVOKE) and extension.state is ExtensionState.READY:
                self._pending.add(extension)
                self._give(extension, event)

    def give_shutdown(self, event: bytes) -> None:
        """Hand the last event to everybody who wants it, at the next poll where one still works."""
        self._last_event = event
        for extension in self:
            if not extension.wants(SHUTDOWN):
                continue
            if extension.state is ExtensionState.READY:
                self._give(extension, event)
            else:
                self._to_be_told.add(extension)

    def _give(self, extension: Extension, event: bytes) -> None:
        extension.move(ExtensionTrigger.EVENT)
        poll, extension.poll = extension.poll, None
        if poll is not None:
            poll.send(200, (*JSON_HEADERS, ("Lambda-Extension-Event-Identifier", self._ids.uuid())), event)

    # --- failures and the end

    def failed(self, extension: Extension, trigger: ExtensionTrigger, error_type: str) -> bool:
        """It reports an error and is about to exit. Whether it was in a state to; the first error is the cause."""
        if not extension.move(trigger):
            return False
        extension.error_type = extension.error_type or error_type
        self.note_fatal(INIT_ERROR if trigger is ExtensionTrigger.INIT_ERROR else EXIT_ERROR)
        return True

    def note_fatal(self, error_type: str) -> str:
        """The first thing that went wrong is what the invoke failed of, whatever follows from it."""
        self.fatal_type = self.fatal_type or error_type
        return self.fatal_type

    @property
    def external(self) -> tuple[Extension, ...]:
        return tuple(extension for extension in self if extension.is_external)

    @property
    def shutdown_seconds(self) -> float:
        """How long the end may take: 2 s with external extensions, 0.5 s with internal ones only, else nothing."""
        if self.external:
            return EXTERNAL_SHUTDOWN_SECONDS
        return INTERNAL_SHUTDOWN_SECONDS if self._all else 0.0
