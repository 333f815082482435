"""The hand-written exceptions say what the model says."""

import inspect

import orjson
import pytest

from lamplighter.aws import errors
from lamplighter.aws.errors import AwsError
from lamplighter.aws.service import Service

CLASSES = {
    name: found
    for name, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, AwsError)
    and found not in {AwsError, errors.ClientError, errors.ServerError, errors.KmsError, errors.ProtocolError}
}
OF_THE_PROTOCOL = {name for name, found in CLASSES.items() if issubclass(found, errors.ProtocolError)}


def test_there_is_one_class_for_each_exception_of_the_model_and_no_other(service: Service) -> None:
    modelled = set(service.model.exceptions())
    assert len(modelled) == 58
    assert set(CLASSES) - OF_THE_PROTOCOL == modelled


def test_code_status_and_side_are_the_models(service: Service) -> None:
    for name, shape in service.model.exceptions().items():
        found = CLASSES[name]
        assert (found.code, found.status) == (name, shape["error"]["httpStatusCode"])
        by_model = "Service" if shape.get("fault") else "User"
        assert found.side == (None if name.startswith("KMS") else by_model)


def test_protocol_errors_are_named_after_their_class_and_send_no_type() -> None:
    for name in OF_THE_PROTOCOL:
        error = CLASSES[name]("no")
        assert error.code == name
        assert "Type" not in error.members


def test_the_message_travels_under_the_name_that_the_model_gives_it(service: Service) -> None:
    not_found = service.serialise_error(errors.ResourceNotFoundException("gone"), "id-1")
    conflict = service.serialise_error(errors.ResourceConflictException("there"), "id-2")

    assert orjson.loads(bytes(not_found.body)) == {"Type": "User", "Message": "gone"}  # type: ignore[arg-type]
    assert orjson.loads(bytes(conflict.body)) == {"Type": "User", "message": "there"}  # type: ignore[arg-type]
    assert not_found.status == 404
    assert dict(not_found.headers) == {
        "Content-Type": "application/json",
        "x-amzn-RequestId": "id-1",
        "x-amzn-ErrorType": "ResourceNotFoundException",
    }


def test_a_member_of_the_header_travels_in_the_header(service: Service) -> None:
    error = errors.TooManyRequestsException("Rate Exceeded.", Reason="CallerRateLimitExceeded", retryAfterSeconds=1)

    wire = service.serialise_error(error, "id")

    assert ("Retry-After", "1") in wire.headers
    body = {"Type": "User", "Reason": "CallerRateLimitExceeded", "message": "Rate Exceeded."}
    assert orjson.loads(bytes(wire.body)) == body  # type: ignore[arg-type]


def test_a_type_of_none_is_left_out() -> None:
    assert errors.ResourceNotFoundException("x", Type=None).members == {}


@pytest.mark.parametrize(
    ("error", "member"),
    [(errors.ValidationException("x"), "message"), (errors.SerializationException("x"), "Message")],
)
def test_errors_outside_the_model_spell_message_as_aws_does(service: Service, error: AwsError, member: str) -> None:
    assert orjson.loads(bytes(service.serialise_error(error, "id").body)) == {member: "x"}  # type: ignore[arg-type]
