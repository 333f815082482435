"""What a layer version is, as stored, and what its versions share. Pure: must not know storage or the wire."""

import msgspec

from lamplighter.kernel.arn import lambda_arn
from lamplighter.resources.functions.model import CodeReference


class LayerVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version. `runtimes` and `architectures` are None where the publisher did not say."""

    account_id: str
    region: str
    name: str
    version: int
    created_at: float
    code: CodeReference
    description: str = ""
    license_info: str | None = None
    runtimes: tuple[str, ...] | None = None
    architectures: tuple[str, ...] | None = None

    @property
    def layer_arn(self) -> str:
        return lambda_arn(self.region, self.account_id, "layer", self.name)

    @property
    def arn(self) -> str:
        return f"{self.layer_arn}:{self.version}"

    def suits(self, runtime: str | None, architecture: str | None) -> bool:
        """Whether a list that asks for this runtime and architecture shows the version."""
        return (runtime is None or runtime in (self.runtimes or ())) and (
            architecture is None or architecture in (self.architectures or ())
        )


class LayerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the versions share: numbers are never used again."""

    name: str
    next_version: int = 1
