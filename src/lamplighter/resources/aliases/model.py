"""What an alias is: a name for a version, and the share of invokes that another version takes. Pure."""

import msgspec

from lamplighter.kernel.arn import lambda_arn


class AliasRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`weights` maps an additional version to its share (0..1) of the invokes; AWS allows one such version."""

    account_id: str
    region: str
    function_name: str
    name: str
    version: str
    description: str = ""
    revision_id: str
    weights: dict[str, float] = {}

    @property
    def arn(self) -> str:
        return lambda_arn(self.region, self.account_id, "function", self.function_name, self.name)
