"""What a code signing configuration is, as stored. Pure: must not know storage or the wire."""

import msgspec

from lamplighter.kernel.arn import lambda_arn


class CodeSigningConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`id` begins with csc-; `untrusted_artifact` is what happens to code that nobody allowed has signed."""

    account_id: str
    region: str
    id: str
    publishers: tuple[str, ...]
    untrusted_artifact: str = "Warn"
    description: str | None = None
    modified_at: float

    @property
    def arn(self) -> str:
        return lambda_arn(self.region, self.account_id, "code-signing-config", self.id)
