"""What is stored of an event between 202 and its end. Pure.

Records are arrays, so fields are only ever appended, each with a default: an event accepted by an older version is
read by a newer one.
"""

import msgspec

from lamplighter.invocation.lineage import continued, fingerprint
from lamplighter.invocation.request import InvokeRequest
from lamplighter.kernel.arn import lambda_arn


class KeptPayload(msgspec.Struct, frozen=True, array_like=True):
    """Bytes as they are kept: here, or in the blob of that digest when there are many."""

    data: bytes = b""
    digest: str = ""


class AsyncEvent(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One accepted event. Times are in seconds since 1970.

    `invokes` counts how often the function ran, `retries` how many of its retries are used up, `backoffs` how often in
    a row it was put back without running. `last_status` is what the last attempt came to: 0 before the first.
    """

    request_id: str
    account_id: str
    region: str
    function_name: str
    qualifier: str | None
    payload: KeptPayload
    accepted_at: float
    invoked_arn: str = ""
    trace_header: str = ""
    client_context: str | None = None
    tenant_id: str | None = None
    invokes: int = 0
    retries: int = 0
    backoffs: int = 0
    last_status: int = 0

    @property
    def function_arn(self) -> str:
        return lambda_arn(self.region, self.account_id, "function", self.function_name)

    @property
    def onward_trace(self) -> str:
        """The trace header that goes with what is told about it: the function's own run is part of the chain."""
        if not self.invokes:
            return self.trace_header
        return continued(self.trace_header, fingerprint(self.account_id, self.region, self.function_name))[0]

    @property
    def blob_owner(self) -> str:
        return f"event/{self.request_id}"

    def request(self, payload: bytes) -> InvokeRequest:
        """The invoke that this event asks for; the request id is the same at every attempt."""
        return InvokeRequest(
            request_id=self.request_id,
            account_id=self.account_id,
            region=self.region,
            function_name=self.function_name,
            qualifier=self.qualifier,
            payload=payload,
            client_context=self.client_context,
            tenant_id=self.tenant_id,
            trace_header=self.trace_header,
            invoked_arn=self.invoked_arn,
            is_attempt=True,
        )


encode_event = msgspec.msgpack.Encoder().encode
decode_event = msgspec.msgpack.Decoder(AsyncEvent).decode
