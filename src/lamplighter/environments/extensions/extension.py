"""One extension, external (a process of its own) or internal (part of the runtime's process). Must not know HTTP."""

from dataclasses import dataclass, field

from lamplighter.environments.extensions.machine import STATE_NAMES, ExtensionState, ExtensionTrigger, after
from lamplighter.environments.runtime_api.answers import Answering
from lamplighter.sandboxes.sandbox import SandboxProcess

INVOKE = "INVOKE"
SHUTDOWN = "SHUTDOWN"


@dataclass(slots=True, eq=False)
class Extension:
    """`poll` is where it waits for its next event; `process` that of an external one."""

    name: str
    identifier: str
    is_external: bool
    state: ExtensionState = ExtensionState.STARTED
    events: tuple[str, ...] = ()
    error_type: str = ""
    poll: Answering | None = None
    process: SandboxProcess | None = field(default=None, repr=False)

    def move(self, trigger: ExtensionTrigger) -> bool:
        """Whether the trigger is allowed; nothing changes otherwise."""
        following = after(self.state, trigger)
        if following is None:
            return False
        self.state = following
        return True

    @property
    def state_name(self) -> str:
        return STATE_NAMES[self.state]

    def wants(self, event: str) -> bool:
        return event in self.events
