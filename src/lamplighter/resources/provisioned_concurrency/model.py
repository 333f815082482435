"""What a provisioned concurrency configuration is, and what has come of it. Pure: must not know storage or the wire.

Only what was asked for is stored. What has come of it are figures of this moment, so that a status never says more
than there is: no restart and no crash leaves a READY behind that nothing stands for.
"""

import msgspec

from lamplighter.kernel.arn import lambda_arn


class ProvisionedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Of one version or alias. `modified_at` in seconds since 1970."""

    account_id: str
    region: str
    function_name: str
    qualifier: str
    requested: int
    modified_at: float

    @property
    def function_arn(self) -> str:
        return lambda_arn(self.region, self.account_id, "function", self.function_name, self.qualifier)


class Provisioned(msgspec.Struct, frozen=True, kw_only=True):
    """How many environments of one version are initialised and kept; `failure` says why there will be no more."""

    ready: int = 0
    failure: str | None = None
