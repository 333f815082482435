"""How large a request of each operation may be, and AWS's words for one that is larger.

Must not know how bytes arrive.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lamplighter.aws.errors import RequestEntityTooLargeException
from lamplighter.kernel.limits import Limits

# A 50 MiB zip in base64, without the room that CreateFunction leaves for the rest of its request.
_UPDATE_CODE_BYTES = 69_905_067
# AWS names the Invoke operation by its newer name in this message only.
_SPOKEN = {"Invoke": "InvokeFunction"}


@dataclass(frozen=True, slots=True)
class RequestSizes:
    """The largest body in bytes by operation, and of every other operation."""

    by_operation: Mapping[str, int]
    otherwise: int

    @classmethod
    def of(cls, limits: Limits) -> "RequestSizes":
        return cls(
            {
                "CreateFunction": limits.create_request_bytes,
                "PublishLayerVersion": limits.create_request_bytes,
                "UpdateFunctionCode": _UPDATE_CODE_BYTES,
            },
            limits.sync_payload_bytes,
        )

    def limit(self, operation_name: str) -> int:
        return self.by_operation.get(operation_name, self.otherwise)


def too_large(operation_name: str, limit: int) -> RequestEntityTooLargeException:
    spoken = _SPOKEN.get(operation_name, operation_name)
    return RequestEntityTooLargeException(f"Request must be smaller than {limit} bytes for the {spoken} operation")
