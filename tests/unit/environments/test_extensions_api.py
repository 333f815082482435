"""The Extensions API's answers, right and wrong order alike, as AWS's runtime interface emulator gives them (2025)."""

import json
from dataclasses import dataclass, field

import pytest

from lamplighter.environments.extensions.machine import (
    STATE_NAMES,
    TRANSITIONS,
    ExtensionState,
    ExtensionTrigger,
    after,
)
from lamplighter.environments.extensions.registry import MOST_EXTENSIONS, Extensions, NotRegistered
from lamplighter.environments.extensions_api.router import PREFIX, handle_extension_call
from lamplighter.kernel.ids import RandomIds
from lamplighter.wire.http_message import Headers, HttpRequest
from tests.unit.environments.configurations import configuration

UNKNOWN = "8b5ce5a0-5cd6-4b58-a3ba-b4b0a1d5d1b4"
EXTERNAL = "watcher"


@dataclass
class Answer:
    """An exchange that keeps its answer."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_gone: bool = False

    def is_closed_by_peer(self) -> bool:
        return self.is_gone

    def send(self, status: int, headers: Headers = (), body: bytes = b"") -> bool:
        assert self.status == 0, "answered twice"
        self.status, self.headers, self.body = status, dict(headers), body
        return not self.is_gone

    @property
    def refusal(self) -> tuple[int, str, str]:
        told = json.loads(self.body)
        return self.status, told["errorType"], told["errorMessage"]


class Environment:
    """The owner of the extensions, counting what it is told, with one external extension about to register."""

    def __init__(self) -> None:
        self.registered = self.settled = 0
        self.extensions = Extensions(self, RandomIds())
        self.external = self.extensions.add_external(EXTERNAL)

    def extension_registered(self) -> None:
        self.registered += 1

    def extensions_settled(self) -> None:
        self.settled += 1

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        answer = Answer()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = HttpRequest(method, f"{PREFIX}{path}", "", named, data, "")
        handle_extension_call(self.extensions, configuration(), request, answer)
        return answer

    def register(self, *events: str, name: str = EXTERNAL) -> Answer:
        return self.call("POST", "register", {"events": list(events)}, lambda_extension_name=name)

    def poll(self, identifier: str = "") -> Answer:
        return self.call("GET", "event/next", lambda_extension_identifier=identifier or self.external.identifier)

    def fail(self, phase: str, **headers: str) -> Answer:
        headers = {"lambda_extension_identifier": self.external.identifier, **headers}
        return self.call("POST", f"{phase}/error", {}, **headers)


def test_an_external_extension_registers_and_is_told_about_the_function() -> None:
    environment = Environment()
    answer = environment.register("INVOKE", "SHUTDOWN")
    assert answer.status == 200
    known = configuration()
    assert json.loads(answer.body) == {
        "functionName": known.name,
        "functionVersion": known.version,
        "handler": known.handler,
    }
    assert answer.headers["Lambda-Extension-Identifier"] == environment.external.identifier
    assert environment.registered == 1


def test_the_account_is_told_to_those_who_ask() -> None:
    answer = Environment().call(
        "POST",
        "register",
        {"events": []},
        lambda_extension_name="inside",
        lambda_extension_accept_feature="other, accountId",
    )
    assert json.loads(answer.body)["accountId"] == configuration().account_id


@pytest.mark.parametrize(
    ("name", "body", "refusal"),
    [
        ("", {"events": []}, ("Extension.InvalidExtensionName", "Empty extension name")),
        (EXTERNAL, {"events": ["BOGUS"]}, ("Extension.InvalidEventType", "BOGUS: ErrorInvalidEventType")),
        (
            "inside",
            {"events": ["SHUTDOWN"]},
            ("Extension.InvalidEventType", "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension"),
        ),
        (
            EXTERNAL,
            {"events": [], "configurationKeys": ["a"]},
            ("InvalidRequestFormat", "configurationKeys are deprecated; use environment variables instead"),
        ),
    ],
)
def test_a_registration_that_is_wrong_is_refused(name: str, body: object, refusal: tuple[str, str]) -> None:
    environment = Environment()
    answer = environment.call("POST", "register", body, lambda_extension_name=name)
    assert answer.refusal == (403, *refusal)
    assert environment.registered == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"events": 1}', b'{"events": "INVOKE"}'])
def test_a_registration_that_is_not_json_is_refused(body: bytes) -> None:
    answer = Environment().call("POST", "register", body, lambda_extension_name=EXTERNAL)
    assert answer.refusal[:2] == (403, "InvalidRequestFormat")


def test_registering_twice_is_an_illegal_transition() -> None:
    environment = Environment()
    environment.register("INVOKE")
    assert environment.register("INVOKE").refusal == (
        403,
        "Extension.InvalidExtensionState",
        (
            "State transition from Registered to Registered failed for extension watcher. "
            "Error: State transition is not allowed"
        ),
    )
    environment.register(name="inside")
    assert environment.register(name="inside").refusal == (
        403,
        "Extension.InvalidExtensionState",
        "Extension with this name already registered",
    )


def test_nobody_joins_after_init() -> None:
    environment = Environment()
    environment.extensions.close_registration()
    assert environment.register(name="late").refusal == (
        403,
        "Extension.RegistrationClosed",
        "Extension registration closed already",
    )


def test_ten_extensions_are_enough() -> None:
    environment = Environment()
    for number in range(MOST_EXTENSIONS - 1):
        assert environment.register(name=f"inside{number}").status == 200
    assert environment.register(name="one more").refusal == (
        403,
        "Extension.TooManyExtensions",
        "Extension limit (10) reached",
    )
    with pytest.raises(NotRegistered):
        environment.extensions.add_external("another")


@pytest.mark.parametrize(
    ("identifier", "error_type", "message"),
    [
        ("", "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"),
        ("no-uuid", "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"),
        (UNKNOWN, "Extension.UnknownExtensionIdentifier", f"Unknown extension {UNKNOWN}"),
    ],
)
def test_a_caller_who_is_nobody_is_told_so(identifier: str, error_type: str, message: str) -> None:
    answer = Environment().call("GET", "event/next", lambda_extension_identifier=identifier)
    assert answer.refusal == (403, error_type, message)


def test_init_is_settled_when_everybody_has_polled() -> None:
    environment = Environment()
    environment.register("INVOKE")
    inside = environment.register("INVOKE", name="inside").headers["Lambda-Extension-Identifier"]
    assert environment.extensions.is_pending
    environment.poll()
    assert environment.settled == 0
    environment.poll(inside)
    assert environment.settled == 1
    assert not environment.extensions.is_pending


def test_an_invoke_goes_to_those_who_want_it_and_is_settled_by_their_next_polls() -> None:
    environment = Environment()
    environment.register("SHUTDOWN")
    inside = environment.register("INVOKE", name="inside").headers["Lambda-Extension-Identifier"]
    parked, watching = environment.poll(inside), environment.poll()
    environment.extensions.give_invoke(b'{"eventType":"INVOKE"}')
    assert (parked.status, parked.body) == (200, b'{"eventType":"INVOKE"}')
    assert "Lambda-Extension-Event-Identifier" in parked.headers
    assert watching.status == 0
    assert environment.extensions.is_pending
    environment.poll(inside)
    assert not environment.extensions.is_pending
    assert environment.settled == 2


def test_the_last_event_comes_once_now_or_at_the_next_poll() -> None:
    environment = Environment()
    environment.register("INVOKE", "SHUTDOWN")
    environment.poll()
    environment.extensions.give_invoke(b"i")
    environment.extensions.give_shutdown(b"s")
    last = environment.poll()
    assert last.body == b"s"
    assert environment.poll().status == 0


def test_polling_while_waiting_is_an_illegal_transition_unless_the_first_hung_up() -> None:
    environment = Environment()
    environment.register("INVOKE")
    first = environment.poll()
    status, error_type, message = environment.poll().refusal
    assert (status, error_type) == (403, "Extension.InvalidExtensionState")
    assert message.startswith(
        f"State transition from Ready to Ready failed for extension {environment.external.identifier}"
    )
    first.is_gone = True
    again = environment.poll()
    environment.extensions.give_invoke(b"i")
    assert (again.status, again.body) == (200, b"i")


@pytest.mark.parametrize(("phase", "fatal"), [("init", "Extension.InitError"), ("exit", "Extension.ExitError")])
def test_a_reported_error_is_accepted_and_is_the_cause(phase: str, fatal: str) -> None:
    environment = Environment()
    environment.register("INVOKE")
    answer = environment.fail(phase, lambda_extension_function_error_type="Extension.Odd")
    assert (answer.status, json.loads(answer.body)) == (202, {"status": "OK"})
    assert environment.fail(phase, lambda_extension_function_error_type="Extension.Other").status == 202
    assert environment.external.error_type == "Extension.Odd"
    assert environment.extensions.note_fatal("Extension.Crash") == fatal
    assert environment.poll().refusal[1] == "Extension.InvalidExtensionState"


def test_an_error_without_a_type_is_refused() -> None:
    environment = Environment()
    environment.register("INVOKE")
    assert environment.fail("init").refusal == (
        403,
        "Extension.MissingHeader",
        "Lambda-Extension-Function-Error-Type not found",
    )


def test_an_init_error_after_init_is_an_illegal_transition() -> None:
    environment = Environment()
    environment.register("INVOKE")
    environment.poll()
    status, error_type, message = environment.fail("init", lambda_extension_function_error_type="T").refusal
    assert (status, error_type) == (403, "Extension.InvalidExtensionState")
    assert message.startswith("State transition from Ready to InitError failed")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "register", 405),
        ("POST", "event/next", 405),
        ("GET", "init/error", 405),
        ("GET", "exit/error", 405),
        ("GET", "", 404),
        ("POST", "unknown", 404),
    ],
)
def test_other_paths_and_methods_are_told_so(method: str, path: str, status: int) -> None:
    assert Environment().call(method, path).status == status


def test_every_state_has_a_name_and_every_transition_stays_in_the_table() -> None:
    assert set(STATE_NAMES) == set(ExtensionState)
    for (state, trigger), following in TRANSITIONS.items():
        assert after(state, trigger) is following
    assert after(ExtensionState.STARTED, ExtensionTrigger.NEXT) is None


def test_the_shutdown_phase_is_as_long_as_lambda_says() -> None:
    environment = Environment()
    assert environment.extensions.shutdown_seconds == 2.0
    empty = Extensions(environment, RandomIds())
    assert empty.shutdown_seconds == 0.0
    empty.add_internal("inside")
    assert empty.shutdown_seconds == 0.5
