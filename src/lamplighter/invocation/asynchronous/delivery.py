"""What is stored of an outcome on its way to a destination or dead letter queue. Pure.

Arrays as in `event`: fields are only ever appended, each with a default.
"""

import msgspec

from lamplighter.invocation.asynchronous.event import KeptPayload


class Delivery(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """One message for one target. `attributes` are a dead letter's; a destination's record has none."""

    target: str
    body: KeptPayload
    request_id: str
    account_id: str
    region: str
    function_name: str
    qualifier: str
    is_success: bool
    created_at: float
    attributes: dict[str, str] = {}
    attempts: int = 0
    trace_header: str = ""

    @property
    def blob_owner(self) -> str:
        return f"delivery/{self.request_id}/{'dead-letter' if self.attributes else 'destination'}"


encode_delivery = msgspec.msgpack.Encoder().encode
decode_delivery = msgspec.msgpack.Decoder(Delivery).decode
