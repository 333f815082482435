"""What a function URL's configuration is, as stored. Pure: must not know storage or the wire."""

import base64
import hashlib
from typing import Any

import msgspec

from lamplighter.kernel.arn import lambda_arn
from lamplighter.resources.functions.names import LATEST

_ID_LETTERS = 32


class FunctionUrlConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Of $LATEST or of an alias. `cors` as the API gave it; `invoke_mode` None where nobody has said one.

    Times in seconds since 1970.
    """

    account_id: str
    region: str
    function_name: str
    qualifier: str
    auth_type: str
    # Any: kept exactly as the API gave it, already validated against AWS's model.
    cors: dict[str, Any] | None = None
    invoke_mode: str | None = None
    created_at: float
    modified_at: float

    @property
    def function_arn(self) -> str:
        """Unqualified for $LATEST, as AWS shows it."""
        qualifier = () if self.qualifier == LATEST else (self.qualifier,)
        return lambda_arn(self.region, self.account_id, "function", self.function_name, *qualifier)

    @property
    def url_id(self) -> str:
        return url_id(self.function_arn)


def url_id(function_arn: str) -> str:
    """The first label of the URL: derived, so that a function that is deployed anew keeps its address."""
    digest = hashlib.sha256(f"function url of {function_arn}".encode()).digest()
    return base64.b32encode(digest).decode().lower()[:_ID_LETTERS]
