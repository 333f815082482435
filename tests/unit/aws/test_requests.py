"""Requests as AWS's own client writes them are read back whole; broken ones are refused in AWS's words."""

from typing import Any

import botocore.loaders
import botocore.model
import botocore.serialize
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamplighter.aws.errors import AwsError, SerializationException, ValidationException
from lamplighter.aws.requests import parse_query
from lamplighter.aws.service import Service, load_service
from tests.unit.aws import samples

LAMBDA = load_service("lambda")
NAMES = sorted(LAMBDA.operations)


@pytest.fixture(scope="session")
def client_model() -> botocore.model.ServiceModel:
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("lambda", "service-2"))


def send(client_model: Any, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """What our side reads from what botocore's serialiser writes for `parameters`."""
    serialiser = botocore.serialize.create_serializer("rest-json", include_validation=False)
    written = serialiser.serialize_to_request(parameters, client_model.operation_model(name))
    path, _, query = written["url_path"].partition("?")
    pairs = written["query_string"]
    for key, value in pairs.items() if isinstance(pairs, dict) else pairs:
        for one in value if isinstance(value, list) else [value]:
            query += f"&{key}={botocore.serialize.percent_encode(str(one))}"
    headers = {key.lower(): str(value) for key, value in written["headers"].items()}
    match = LAMBDA.match(written["method"], path, query)
    assert match is not None
    assert match.operation.name == name
    body = written["body"]
    return match.operation.parse(match, query, headers, body.encode() if isinstance(body, str) else bytes(body))


@pytest.mark.parametrize("full", [False, True], ids=["required members", "every member"])
@pytest.mark.parametrize("name", NAMES)
def test_what_awss_client_writes_is_read_back_whole(client_model: Any, name: str, full: bool) -> None:  # noqa: FBT001
    described = LAMBDA.model.operations[name]
    given = samples.valid(LAMBDA.model, described["input"]["shape"], full=full) if "input" in described else {}

    read = send(client_model, name, given)

    payload = LAMBDA.model.shape(described["input"]["shape"]).get("payload") if "input" in described else None
    if payload is not None and not read.get(payload, True):  # botocore sends an empty body or object for no payload
        del read[payload]
    assert read == given


def put(given: Any, path: tuple[str | int, ...], value: Any) -> None:
    """Set the value at `path`; a value of None takes the member away."""
    for step in path[:-1]:
        given = given[step]
    if value is None:
        given.pop(path[-1], None)
    else:
        given[path[-1]] = value


def dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(f"{step + 1}.member" if isinstance(step, int) else step[:1].lower() + step[1:] for step in path)


def test_every_single_broken_member_is_refused_in_awss_words(client_model: Any) -> None:
    """The probe of all operations: pattern, enum, min, max and required, one at a time."""
    refused = 0
    wrong: list[tuple[samples.Broken, str]] = []
    for name in NAMES:
        for case in samples.broken(LAMBDA.model, name):
            given = samples.valid(LAMBDA.model, LAMBDA.model.operations[name]["input"]["shape"], full=True)
            put(given, case.path, case.value)
            message = _refusal(client_model, name, given)
            if message is None:
                continue
            where = f"at '{dotted(case.path)}' failed to satisfy constraint: "
            refused += 1
            if where not in message or case.words not in message or message.count(" at '") != message.count(where):
                wrong.append((case, message))
    assert wrong == []
    assert refused >= 409


def _refusal(client_model: Any, name: str, given: dict[str, Any]) -> str | None:
    """The message, or None where the client cannot even write such a request (an empty label, for one)."""
    try:
        return str(send(client_model, name, given))
    except AwsError as error:
        return error.message if error.status == 400 else f"unexpected status {error.status}"
    except AssertionError:
        return None


def parse(name: str, body: bytes, query: str = "") -> dict[str, Any]:
    operation = LAMBDA.operations[name]
    path = operation.request_uri.partition("?")[0].replace("{FunctionName}", "f")
    match = LAMBDA.match(operation.method, path, query)
    assert match is not None
    return match.operation.parse(match, query, {}, body)


def test_all_violations_come_in_one_answer_in_the_models_order() -> None:
    with pytest.raises(ValidationException) as caught:
        parse(
            "CreateFunction",
            b'{"Role": "r1", "FunctionName": "", "MemorySize": 1, "Architectures": ["x86_64", "arm64"]}',
        )

    message = caught.value.message
    assert message.startswith("6 validation errors detected: Value '' at 'functionName' failed to satisfy constraint: ")
    assert "; Value null at 'code' failed to satisfy constraint: Member must not be null; " in message
    assert "; Value '1' at 'memorySize' failed to satisfy constraint: Member must have value greater than " in message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"FunctionName": 3}', "NUMBER_VALUE can not be converted to a String"),
        (b'{"FunctionName": true}', "TRUE_VALUE can not be converted to a String"),
        (b'{"FunctionName": {}}', "Start of structure or map found where not expected."),
        (b'{"FunctionName": []}', "Start of list found where not expected"),
        (b'{"Timeout": "3"}', "STRING_VALUE can not be converted to an Integer"),
        (b'{"Timeout": 99999999999}', "NUMBER_VALUE can not be converted to an Integer"),
        (b'{"Timeout": 1e400}', "Could not parse request body into json: "),
        (b'{"Publish": "true"}', "STRING_VALUE can not be converted to a Boolean"),
        (b'{"Layers": {}}', "Start of structure or map found where not expected."),
        (b'{"Layers": "x"}', "Unexpected field type"),
        (b'{"Tags": {"a": 1}}', "NUMBER_VALUE can not be converted to a String"),
        (b'{"Code": {"ZipFile": "a"}}', "The value can not be converted to a Blob: it is not valid Base64."),
        (b"[]", "Start of list found where not expected"),
        (b"3", "Unexpected field type"),
        (b"{", "Could not parse request body into json: "),
        (b"\xff\xfe", "Could not parse request body into json: "),
        (b"[" * 100_000 + b"]" * 100_000, "Could not parse request body into json: "),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "Could not parse request body into json: "),
    ],
)
def test_json_that_cannot_be_read_is_a_serialization_exception(body: bytes, message: str) -> None:
    with pytest.raises(SerializationException) as caught:
        parse("CreateFunction", body)
    assert caught.value.message.startswith(message)
    assert caught.value.status == 400


def test_unknown_members_are_ignored_and_null_means_absent() -> None:
    body = {"Version": "1", "RevisionId": None, "NoSuchMember": {"a": [1]}, "Name": "live", "FunctionVersion": "1"}
    read = parse("CreateAlias", orjson.dumps(body))
    assert read == {"FunctionName": "f", "Name": "live", "FunctionVersion": "1"}


def test_an_empty_body_is_an_empty_object() -> None:
    assert parse("PublishVersion", b"") == {"FunctionName": "f"}


def test_the_payload_of_an_invoke_is_not_read_as_json() -> None:
    assert parse("Invoke", b"\x00not json")["Payload"] == b"\x00not json"


def test_query_values_have_their_types() -> None:
    read = parse(
        "ListDurableExecutionsByFunction", b"", "Statuses=RUNNING&Statuses=FAILED&ReverseOrder=true&MaxItems=5"
    )
    assert read == {"FunctionName": "f", "Statuses": ["RUNNING", "FAILED"], "ReverseOrder": True, "MaxItems": 5}


@pytest.mark.parametrize(
    "query", ["MaxItems=x", "MaxItems=1_0", "MaxItems=%20", "MaxItems=1e3", "MaxItems=" + "9" * 5000]
)
def test_a_number_in_the_query_that_is_none_is_refused(query: str) -> None:
    with pytest.raises(SerializationException):
        parse("ListFunctions", b"", query)


def test_an_invalid_value_in_the_query_is_named() -> None:
    with pytest.raises(ValidationException, match="Value '0' at 'maxItems' failed to satisfy constraint: "):
        parse("ListFunctions", b"", "MaxItems=0")


def test_a_query_is_decoded() -> None:
    assert parse_query("a=1&a=2&b=%2F+x&&c") == {"a": ["1", "2"], "b": ["/ x"], "c": [""]}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_whatever_the_body_holds_only_an_aws_error_comes_out(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    operation = LAMBDA.operations[name]
    members = LAMBDA.model.shape(LAMBDA.model.operations[name].get("input", {"shape": "TagsError"})["shape"])["members"]
    body = data.draw(st.dictionaries(st.sampled_from(sorted(members)) if members else st.text(), JSON, max_size=5))
    raw = data.draw(st.just(orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)) | st.binary(max_size=30))
    query = data.draw(st.text(max_size=40))
    headers = data.draw(
        st.dictionaries(st.sampled_from(["x-amz-invocation-type", "x-amz-log-type"]), st.text(max_size=9))
    )
    path = operation.request_uri.partition("?")[0].replace("{", "").replace("}", "")
    constant = operation.request_uri.partition("?")[2]
    match = LAMBDA.match(operation.method, path, constant)
    assert match is not None
    status = 400
    try:
        match.operation.parse(match, f"{constant}&{query}", headers, raw)
    except AwsError as error:
        status = error.status
    assert status == 400


def test_a_body_of_megabytes_for_a_patterned_member_is_refused_quickly(service: Service) -> None:
    with pytest.raises(ValidationException, match="Member must have length less than or equal to 140"):
        parse("CreateFunction", orjson.dumps({"FunctionName": "a-" * 2_000_000, "Role": "a" * 1_000_000}))
