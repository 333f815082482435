"""What a capacity provider is, as stored, and the states it goes through. Pure: must not know storage or the wire."""

from typing import Any

import msgspec

from lamplighter.kernel.arn import lambda_arn

PENDING = "Pending"
ACTIVE = "Active"
DELETING = "Deleting"
GONE = None

# What each unsettled state becomes when the work is done.
SETTLES_AS: dict[str, str | None] = {PENDING: ACTIVE, DELETING: GONE}


class CapacityProvider(msgspec.Struct, frozen=True, kw_only=True):
    """`settings` holds everything that the API shows as it was given, under the API's own member names."""

    account_id: str
    region: str
    name: str
    state: str = PENDING
    modified_at: float
    # Any: kept exactly as the API gave them, already validated against AWS's model.
    settings: dict[str, Any]

    @property
    def arn(self) -> str:
        return lambda_arn(self.region, self.account_id, "capacity-provider", self.name)

    @property
    def is_settled(self) -> bool:
        return self.state not in SETTLES_AS


class ScalingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How many execution environments one version of a managed function shall have; None where nothing was said."""

    minimum: int | None = None
    maximum: int | None = None
