"""The life of one extension as a table: every transition that is not written here is illegal.

    STARTED -> REGISTERED -> READY <-> RUNNING ... -> EXITED

READY means that it waits for its next event, RUNNING that it has one. Source: AWS's open-source runtime interface
emulator (2025). Pure: must not know processes or HTTP.
"""

from enum import IntEnum, auto


class ExtensionState(IntEnum):
    """Where an extension stands."""

    STARTED = auto()
    REGISTERED = auto()
    READY = auto()
    RUNNING = auto()
    INIT_ERROR = auto()
    EXIT_ERROR = auto()
    LAUNCH_ERROR = auto()
    SHUTDOWN_FAILED = auto()
    EXITED = auto()


class ExtensionTrigger(IntEnum):
    """What happens to it: its calls, the events it is given, its end."""

    REGISTER = auto()
    NEXT = auto()
    EVENT = auto()
    INIT_ERROR = auto()
    EXIT_ERROR = auto()
    LAUNCH_ERROR = auto()
    EXITED = auto()
    SHUTDOWN_FAILED = auto()


_State, _Trigger = ExtensionState, ExtensionTrigger

TRANSITIONS: dict[tuple[ExtensionState, ExtensionTrigger], ExtensionState] = {
    (_State.STARTED, _Trigger.REGISTER): _State.REGISTERED,
    (_State.STARTED, _Trigger.LAUNCH_ERROR): _State.LAUNCH_ERROR,
    (_State.REGISTERED, _Trigger.NEXT): _State.READY,
    (_State.REGISTERED, _Trigger.INIT_ERROR): _State.INIT_ERROR,
    (_State.REGISTERED, _Trigger.EXIT_ERROR): _State.EXIT_ERROR,
    (_State.READY, _Trigger.EVENT): _State.RUNNING,
    (_State.READY, _Trigger.EXIT_ERROR): _State.EXIT_ERROR,
    (_State.RUNNING, _Trigger.NEXT): _State.READY,
    (_State.RUNNING, _Trigger.EXIT_ERROR): _State.EXIT_ERROR,
    (_State.RUNNING, _Trigger.EXITED): _State.EXITED,
    (_State.RUNNING, _Trigger.SHUTDOWN_FAILED): _State.SHUTDOWN_FAILED,
    # Reported twice: the first report counts.
    (_State.INIT_ERROR, _Trigger.INIT_ERROR): _State.INIT_ERROR,
    (_State.EXIT_ERROR, _Trigger.EXIT_ERROR): _State.EXIT_ERROR,
}

# What Lambda calls the states, in refusals and in the log.
STATE_NAMES: dict[ExtensionState, str] = {
    _State.STARTED: "Started",
    _State.REGISTERED: "Registered",
    _State.READY: "Ready",
    _State.RUNNING: "Running",
    _State.INIT_ERROR: "InitError",
    _State.EXIT_ERROR: "ExitError",
    _State.LAUNCH_ERROR: "LaunchError",
    _State.SHUTDOWN_FAILED: "ShutdownFailed",
    _State.EXITED: "Exited",
}


def after(state: ExtensionState, trigger: ExtensionTrigger) -> ExtensionState | None:
    """The state that follows; None when the trigger is not allowed."""
    return TRANSITIONS.get((state, trigger))
