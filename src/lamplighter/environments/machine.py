"""The life of an execution environment as a table: every transition that is not written here is illegal.

    STARTING -> INIT -> READY -> INVOKING (-> STREAMING) -> RESPONDED -> READY ... -> SHUTDOWN -> DEAD

Init covers everything up to the first /next. RESPONDED lies between the answer to an invoke and the following /next:
the environment is not yet free. Where extensions are slower than the runtime, INIT_EXTENSIONS and INVOKE_EXTENSIONS lie
before READY. An idle environment is FROZEN; an invoke or the end thaws it first. Pure: must not know sockets, clocks or
sandboxes.
"""

from enum import IntEnum, auto


class State(IntEnum):
    """Where an execution environment stands. An IntEnum, because a plain Enum hashes in Python: 5 us an invoke."""

    STARTING = auto()
    INIT = auto()
    INIT_EXTENSIONS = auto()
    INIT_FAILED = auto()
    READY = auto()
    FROZEN = auto()
    RESTORING = auto()
    INVOKING = auto()
    STREAMING = auto()
    RESPONDED = auto()
    INVOKE_EXTENSIONS = auto()
    SHUTDOWN = auto()
    DEAD = auto()


class Trigger(IntEnum):
    """What happens to it: calls of the runtime, decisions of the pool, accidents."""

    SANDBOX_STARTED = auto()
    NEXT = auto()
    NEXT_BEFORE_EXTENSIONS = auto()
    EXTENSIONS_READY = auto()
    INIT_ERROR = auto()
    INVOKE = auto()
    RESPONSE = auto()
    RESPONSE_BEGUN = auto()
    RESPONSE_ENDED = auto()
    ERROR = auto()
    FREEZE = auto()
    THAW = auto()
    RESTORE = auto()
    RETRY_INIT = auto()
    SHUT_DOWN = auto()
    FAIL = auto()
    END = auto()


class IllegalTransition(Exception):
    """The trigger is not allowed in this state."""

    def __init__(self, state: State, trigger: Trigger) -> None:
        super().__init__(f"{trigger.name} is not allowed in state {state.name}")
        self.state = state
        self.trigger = trigger


class _Transitions(dict[tuple[State, Trigger], State]):
    """The state that follows, by state and trigger. To look an illegal one up raises IllegalTransition."""

    def __missing__(self, key: tuple[State, Trigger]) -> State:
        raise IllegalTransition(*key)


_LEGAL: dict[tuple[State, Trigger], State] = {
    (State.STARTING, Trigger.SANDBOX_STARTED): State.INIT,
    (State.STARTING, Trigger.FAIL): State.INIT_FAILED,
    (State.INIT, Trigger.NEXT): State.READY,
    (State.INIT, Trigger.NEXT_BEFORE_EXTENSIONS): State.INIT_EXTENSIONS,
    (State.INIT_EXTENSIONS, Trigger.NEXT): State.INIT_EXTENSIONS,
    (State.INIT_EXTENSIONS, Trigger.EXTENSIONS_READY): State.READY,
    (State.INIT_EXTENSIONS, Trigger.FAIL): State.INIT_FAILED,
    (State.INIT, Trigger.INIT_ERROR): State.INIT_FAILED,
    (State.INIT, Trigger.FAIL): State.INIT_FAILED,
    # SnapStart: init has ended at /restore/next; what follows happens in every environment made of the image.
    (State.INIT, Trigger.RESTORE): State.RESTORING,
    # The first invoke after a failed init starts the sandbox again: AWS's suppressed init.
    (State.INIT_FAILED, Trigger.RETRY_INIT): State.STARTING,
    # A runtime may poll twice, and may ask again for the event that it is working on.
    (State.READY, Trigger.NEXT): State.READY,
    (State.INVOKING, Trigger.NEXT): State.INVOKING,
    (State.READY, Trigger.INVOKE): State.INVOKING,
    (State.INVOKING, Trigger.RESPONSE): State.RESPONDED,
    (State.INVOKING, Trigger.ERROR): State.RESPONDED,
    (State.INVOKING, Trigger.RESPONSE_BEGUN): State.STREAMING,
    (State.STREAMING, Trigger.RESPONSE_ENDED): State.RESPONDED,
    (State.STREAMING, Trigger.FAIL): State.SHUTDOWN,
    (State.INVOKING, Trigger.FAIL): State.SHUTDOWN,
    (State.RESPONDED, Trigger.NEXT): State.READY,
    (State.RESPONDED, Trigger.NEXT_BEFORE_EXTENSIONS): State.INVOKE_EXTENSIONS,
    (State.INVOKE_EXTENSIONS, Trigger.NEXT): State.INVOKE_EXTENSIONS,
    (State.INVOKE_EXTENSIONS, Trigger.EXTENSIONS_READY): State.READY,
    (State.INVOKE_EXTENSIONS, Trigger.FAIL): State.SHUTDOWN,
    (State.RESPONDED, Trigger.FAIL): State.SHUTDOWN,
    (State.READY, Trigger.FREEZE): State.FROZEN,
    (State.FROZEN, Trigger.THAW): State.READY,
    # A second poll that was on its way when everything inside stopped.
    (State.FROZEN, Trigger.NEXT): State.FROZEN,
    (State.READY, Trigger.FAIL): State.SHUTDOWN,
    (State.FROZEN, Trigger.FAIL): State.SHUTDOWN,
    (State.RESTORING, Trigger.NEXT): State.READY,
    (State.RESTORING, Trigger.NEXT_BEFORE_EXTENSIONS): State.INIT_EXTENSIONS,
    (State.RESTORING, Trigger.FAIL): State.INIT_FAILED,
    (State.SHUTDOWN, Trigger.END): State.DEAD,
} | {(state, Trigger.SHUT_DOWN): State.SHUTDOWN for state in State if state not in (State.SHUTDOWN, State.DEAD)}
TRANSITIONS = _Transitions(_LEGAL)

# What AWS's runtime interface emulator calls the same states in its answers to a runtime.
RUNTIME_STATE_NAMES: dict[State, str] = {
    State.STARTING: "Started",
    State.INIT: "Started",
    State.INIT_EXTENSIONS: "Ready",
    State.INIT_FAILED: "InitError",
    State.READY: "Ready",
    State.FROZEN: "Ready",
    State.RESTORING: "Restoring",
    State.INVOKING: "Running",
    State.STREAMING: "RuntimeInvocationResponseState",
    State.RESPONDED: "RuntimeResponseSentState",
    State.INVOKE_EXTENSIONS: "Ready",
    State.SHUTDOWN: "RuntimeResponseSentState",
    State.DEAD: "RuntimeResponseSentState",
}


def after(state: State, trigger: Trigger) -> State:
    """The state that follows. Raises IllegalTransition."""
    return TRANSITIONS[state, trigger]


def is_allowed(state: State, trigger: Trigger) -> bool:
    return (state, trigger) in TRANSITIONS
