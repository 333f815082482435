"""The Runtime API's answers, right and wrong order alike, as AWS's runtime interface emulator gives them (2025)."""

import json
from dataclasses import dataclass, field

import pytest

from lamplighter.environments.event import InvokeEvent
from lamplighter.environments.machine import State
from lamplighter.environments.runtime_api.answers import Answering
from lamplighter.environments.runtime_api.next import send_event
from lamplighter.environments.runtime_api.response import wants_stream
from lamplighter.environments.runtime_api.router import Router
from lamplighter.wire.http_message import Headers, HttpRequest, Refusal
from lamplighter.wire.http_request_stream import RequestStream

ID = "8b5ce5a0-5cd6-4b58-a3ba-b4b0a1d5d1b4"
INVOCATION = "/2018-06-01/runtime/invocation"


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


@dataclass
class Recorded:
    """A peer in a fixed state that keeps what the runtime did."""

    state: State = State.INVOKING
    request_id: str = ID
    response_limit: int = 6_291_556
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def runtime_polled(self, exchange: Answering) -> None:
        self.calls.append(("polled", exchange))

    def event_was_not_read(self) -> None:
        self.calls.append(("not read",))

    def runtime_responded(self, payload: bytes, content_type: str) -> None:
        self.calls.append(("responded", payload, content_type))

    def runtime_reported_error(self, payload: bytes, content_type: str, error_type: str) -> None:
        self.calls.append(("error", payload, content_type, error_type))

    def runtime_streams(self, body: RequestStream, content_type: str, exchange: Answering) -> None:
        self.calls.append(("streams", body, content_type, exchange))

    def runtime_responded_too_much(self) -> None:
        self.calls.append(("too much",))

    def runtime_failed_init(self, payload: bytes, error_type: str) -> None:
        self.calls.append(("init", payload, error_type))

    def runtime_awaits_restore(self) -> bool:
        self.calls.append(("awaits restore",))
        return True

    def runtime_failed_restore(self, payload: bytes, error_type: str) -> None:
        self.calls.append(("failed restore", payload, error_type))


def call(peer: Recorded, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    answer = Answer()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    Router(peer).handle(HttpRequest(method, path, "", named, body, "127.0.0.1"), answer)
    return answer


def refused(answer: Answer) -> tuple[int, str, str]:
    body = json.loads(answer.body)
    return answer.status, body["errorType"], body["errorMessage"]


def test_a_response_is_accepted() -> None:
    peer = Recorded()
    answer = call(peer, "POST", f"{INVOCATION}/{ID}/response", b"42", content_type="application/json")
    assert (answer.status, json.loads(answer.body)) == (202, {"status": "OK"})
    assert peer.calls == [("responded", b"42", "application/json")]


def test_an_error_is_accepted_with_its_type() -> None:
    peer = Recorded()
    answer = call(peer, "POST", f"{INVOCATION}/{ID}/error", b"{}", lambda_runtime_function_error_type="Function.Oops")
    assert answer.status == 202
    assert peer.calls == [("error", b"{}", "application/json", "Function.Oops")]


def test_an_error_with_a_cause_reaches_the_caller_without_it() -> None:
    peer = Recorded()
    body = json.dumps({"errorMessage": "m", "errorType": "T", "stackTrace": ["s"], "errorCause": {"x": 1}}).encode()
    call(peer, "POST", f"{INVOCATION}/{ID}/error", body, content_type="application/vnd.aws.lambda.error.cause+json")
    _, payload, content_type, _ = peer.calls[0]
    assert isinstance(payload, bytes)
    assert json.loads(payload) == {"errorMessage": "m", "errorType": "T", "stackTrace": ["s"]}
    assert content_type == "application/json"


@pytest.mark.parametrize("verb", ["response", "error"])
def test_a_wrong_request_id_changes_nothing(verb: str) -> None:
    for state in State:
        peer = Recorded(state)
        answer = call(peer, "POST", f"{INVOCATION}/11111111-0000-4000-8000-000000000000/{verb}", b"x")
        assert refused(answer) == (400, "InvalidRequestID", "Invalid request ID")
        assert peer.calls == []


@pytest.mark.parametrize(("verb", "wanted"), [("response", "InvocationResponse"), ("error", "InvocationErrorResponse")])
def test_a_second_answer_is_an_illegal_transition(verb: str, wanted: str) -> None:
    peer = Recorded(State.RESPONDED)
    assert refused(call(peer, "POST", f"{INVOCATION}/{ID}/{verb}", b"x")) == (
        403,
        "InvalidStateTransition",
        (
            f"State transition from RuntimeResponseSentState to {wanted} failed for runtime. "
            "Error: State transition is not allowed"
        ),
    )
    assert peer.calls == []


@pytest.mark.parametrize("state", [State.INIT, State.READY, State.INVOKING, State.RESPONDED])
def test_a_runtime_may_poll_whenever_it_lives(state: State) -> None:
    peer = Recorded(state)
    answer = call(peer, "GET", f"{INVOCATION}/next")
    assert answer.status == 0
    assert peer.calls == [("polled", answer)]


def test_a_runtime_whose_init_failed_may_not_poll() -> None:
    status, error_type, message = refused(call(Recorded(State.INIT_FAILED), "GET", f"{INVOCATION}/next"))
    assert (status, error_type) == (403, "InvalidStateTransition")
    assert message.startswith("State transition from InitError to Ready failed for runtime.")


def test_init_errors_are_taken_in_init_only() -> None:
    peer = Recorded(State.INIT)
    answer = call(
        peer,
        "POST",
        "/2018-06-01/runtime/init/error",
        b"{}",
        lambda_runtime_function_error_type="Runtime.ImportModuleError",
    )
    assert answer.status == 202
    assert peer.calls == [("init", b"{}", "Runtime.ImportModuleError")]
    late = Recorded(State.READY)
    assert refused(call(late, "POST", "/2018-06-01/runtime/init/error", b"{}"))[0] == 403
    assert late.calls == []


def test_an_unknown_response_mode_ends_the_invoke_with_an_error() -> None:
    peer = Recorded()
    answer = call(peer, "POST", f"{INVOCATION}/{ID}/response", b"x", lambda_runtime_function_response_mode="sideways")
    assert refused(answer) == (400, "InvalidFunctionResponseMode", "Invalid function response mode")
    assert peer.calls == [("error", b"", "application/json", "Runtime.InvalidResponseModeHeader")]


@pytest.mark.parametrize("path", [f"{INVOCATION}/{ID}/response", f"{INVOCATION}/{ID}/error"])
def test_an_oversized_answer_is_refused_and_ends_the_invoke(path: str) -> None:
    peer = Recorded()
    response = Router(peer).refuse(Refusal(413, "too large", "POST", path, 6_291_556))
    assert response.status == 413
    assert json.loads(response.body) == {
        "errorType": "RequestEntityTooLarge",
        "errorMessage": "Exceeded maximum allowed payload size (6291556 bytes).",
    }
    assert peer.calls == [("too much",)]


def test_an_oversized_answer_to_another_invoke_ends_nothing() -> None:
    peer = Recorded()
    Router(peer).refuse(Refusal(413, "too large", "POST", f"{INVOCATION}/other/response", 6_291_556))
    assert peer.calls == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", f"{INVOCATION}/next", 405),
        ("GET", f"{INVOCATION}/{ID}/response", 405),
        ("GET", "/2018-06-01/runtime/init/error", 405),
        ("GET", "/", 404),
        ("GET", "/2018-06-01/runtime/invocation/", 404),
        ("POST", f"{INVOCATION}/{ID}/other", 404),
        ("POST", f"{INVOCATION}/{ID}/response/more", 404),
        ("GET", "/2018-06-01/ping", 200),
    ],
)
def test_other_paths_and_methods_are_told_so(method: str, path: str, status: int) -> None:
    peer = Recorded()
    assert call(peer, method, path).status == status
    assert peer.calls == []


def test_an_event_carries_lambdas_headers() -> None:
    answer = Answer()
    event = InvokeEvent(ID, b'{"a":1}', "arn:aws:lambda:x", "Root=1-a-b", 3, '{"custom":{}}', "{}", "blue")
    assert send_event(answer, event, 1_750_000_003_000)
    assert (answer.status, answer.body) == (200, b'{"a":1}')
    assert answer.headers == {
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": ID,
        "Lambda-Runtime-Deadline-Ms": "1750000003000",
        "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:x",
        "Lambda-Runtime-Trace-Id": "Root=1-a-b",
        "Lambda-Runtime-Client-Context": '{"custom":{}}',
        "Lambda-Runtime-Cognito-Identity": "{}",
        "Lambda-Runtime-Aws-Tenant-Id": "blue",
    }


def test_headers_without_a_value_are_left_out() -> None:
    answer = Answer()
    send_event(answer, InvokeEvent(ID, b"", "arn", "", 3), 1)
    assert set(answer.headers) == {
        "Content-Type", "Lambda-Runtime-Aws-Request-Id", "Lambda-Runtime-Deadline-Ms",
        "Lambda-Runtime-Invoked-Function-Arn",
    }  # fmt: skip


class _Flow:
    """The connection behind a stream, when nothing is asked of it."""

    def hold_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def abort(self) -> None:
        pass


def test_a_streamed_response_is_handed_over_unanswered() -> None:
    peer, answer = Recorded(), Answer()
    stream = RequestStream(_Flow(), 1000)
    headers = {"lambda-runtime-function-response-mode": "streaming", "content-type": "text/html"}
    path = f"{INVOCATION}/{ID}/response"
    Router(peer).handle(HttpRequest("POST", path, "", headers, b"", "", stream), answer)
    assert (answer.status, peer.calls) == (0, [("streams", stream, "text/html", answer)])


def test_a_second_response_while_the_first_one_streams_is_an_illegal_transition() -> None:
    for verb in ("response", "error"):
        peer = Recorded(State.STREAMING)
        status, error_type, message = refused(call(peer, "POST", f"{INVOCATION}/{ID}/{verb}", b"x"))
        assert (status, error_type) == (403, "InvalidStateTransition")
        assert message.startswith("State transition from RuntimeInvocationResponseState to ")
        assert peer.calls == []


@pytest.mark.parametrize(
    ("path", "mode", "wanted"),
    [
        (f"{INVOCATION}/{ID}/response", "streaming", True),
        (f"{INVOCATION}/{ID}/error", "streaming", False),
        (f"{INVOCATION}/{ID}/response", "buffered", False),
    ],
)
def test_only_responses_in_streaming_mode_are_streamed(path: str, mode: str, wanted: bool) -> None:  # noqa: FBT001  # a table
    assert wants_stream("POST", path, {"lambda-runtime-function-response-mode": mode}) is wanted


def test_paths_of_other_apis_go_to_whoever_takes_them() -> None:
    taken: list[str] = []

    def others(request: HttpRequest, exchange: Answering) -> bool:
        taken.append(request.path)
        return request.path == "/ours" and exchange.send(200)

    for path, status in (("/ours", 200), ("/nobodys", 404), ("/2018-06-01/ping", 200)):
        answer = Answer()
        Router(Recorded(), others).handle(HttpRequest("GET", path, "", {}, b"", ""), answer)
        assert answer.status == status
    assert taken == ["/ours", "/nobodys"]
