"""What is told about an ended event: the invocation record of a destination, the message of a dead letter queue. Pure.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html and
.../invocation-async-configuring.html. Must not know where they are sent.
"""

from datetime import UTC, datetime

import msgspec

from lamplighter.invocation.asynchronous.event import AsyncEvent
from lamplighter.invocation.asynchronous.retry_policy import AGE_EXCEEDED, SUCCESS, SWITCHED_OFF
from lamplighter.invocation.request import InvokeResult

_ERROR_MESSAGE_BYTES = 1024
_OK = 200
_THROTTLED = 429
_SAID = {
    SWITCHED_OFF: "Function not invoked. Function is configured with zero reserved concurrent executions",
    AGE_EXCEEDED: "The event was older than the maximum event age.",
}


class _ErrorPayload(msgspec.Struct, rename="camel"):
    error_message: str | None = None


_encode = msgspec.json.Encoder().encode
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
_decode_error = msgspec.json.Decoder(_ErrorPayload).decode


def timestamp(now: float) -> str:
    """As 2019-11-14T18:16:05.568Z."""
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def invocation_record(
    event: AsyncEvent, payload: bytes, condition: str, result: InvokeResult | None, now: float
) -> bytes:
    """The JSON document that a destination gets. `result` is that of the last attempt, if that ran the function."""
    record: dict[str, object] = {
        "version": "1.0",
        "timestamp": timestamp(now),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": f"{event.function_arn}:{event.qualifier or '$LATEST'}",
            "condition": condition,
            "approximateInvokeCount": event.invokes,
        },
        "requestPayload": msgspec.Raw(payload),
    }
    if result is not None:
        response = {"statusCode": _OK, "executedVersion": result.executed_version}
        error = {} if result.function_error is None else {"functionError": result.function_error}
        record["responseContext"] = {**response, **error}
        record["responsePayload"] = _embedded(result.payload)
    return _encode(record)


def _embedded(payload: bytes) -> msgspec.Raw:
    """A response that is no JSON is shown as text."""
    try:
        return _decode_raw(payload) if payload else msgspec.Raw(b"null")
    except msgspec.DecodeError:
        return msgspec.Raw(_encode(payload.decode("utf-8", "replace")))


def dead_letter_attributes(event: AsyncEvent, condition: str, result: InvokeResult | None) -> dict[str, str]:
    """RequestID, ErrorCode (a status) and ErrorMessage, beside the event itself."""
    if result is not None:
        code, said = _OK, _error_message(result.payload)
    elif event.last_status == _THROTTLED and condition != SWITCHED_OFF:
        code, said = _THROTTLED, "Rate Exceeded."
    else:
        code, said = event.last_status or _OK, _SAID.get(condition, "The event could not be processed.")
    message = said.encode()[:_ERROR_MESSAGE_BYTES].decode("utf-8", "ignore")
    return {"RequestID": event.request_id, "ErrorCode": str(code), "ErrorMessage": message}


def _error_message(payload: bytes) -> str:
    try:
        told = _decode_error(payload).error_message
    except (msgspec.DecodeError, msgspec.ValidationError):
        return payload.decode("utf-8", "replace")
    return told or payload.decode("utf-8", "replace")


def is_success(condition: str) -> bool:
    return condition == SUCCESS
