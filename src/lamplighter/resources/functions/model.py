"""What a function's configuration is, as stored: one record for $LATEST and one for each published version.

Member names are the API's in snake_case. Pure: must not know storage or the wire.
"""

from typing import Any

import msgspec


class CodeReference(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded zip: `digest` is the hex SHA-256 naming blob and unpacked package; `sha256` is AWS's base64 form."""

    digest: str
    sha256: str
    size: int


class LayerReference(msgspec.Struct, frozen=True, kw_only=True):
    """A layer version in use: its ARN and its own copy of the code reference, so that deletion does not break it."""

    arn: str
    code: CodeReference


class FunctionConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of one version of one function. `modified_at` in seconds since 1970; sizes in MiB as in AWS.

    Nested configurations that only the API shows (VpcConfig, TracingConfig, LoggingConfig, ...) are kept in the API's own
    member names; what the data plane needs is spelled out.
    """

    account_id: str
    region: str
    name: str
    version: str = "$LATEST"
    revision_id: str
    modified_at: float
    state: str = "Pending"
    state_reason: str | None = None
    state_reason_code: str | None = None
    last_update_status: str | None = None
    last_update_status_reason: str | None = None
    last_update_status_reason_code: str | None = None
    package_type: str = "Zip"
    architectures: tuple[str, ...] = ("x86_64",)
    runtime: str | None = None
    handler: str | None = None
    role: str
    description: str = ""
    timeout: int = 3
    memory_size: int = 128
    ephemeral_size: int = 512
    environment: dict[str, str] | None = None
    code: CodeReference
    layers: tuple[LayerReference, ...] = ()
    tracing_mode: str = "PassThrough"
    log_group: str
    log_format: str = "Text"
    application_log_level: str | None = None
    system_log_level: str | None = None
    # Any: kept exactly as the API gave them, already validated against AWS's model.
    settings: dict[str, Any] = {}

    @property
    def arn(self) -> str:
        """The unqualified function ARN."""
        return f"arn:aws:lambda:{self.region}:{self.account_id}:function:{self.name}"

    @property
    def qualified_arn(self) -> str:
        """The ARN with the version."""
        return f"{self.arn}:{self.version}"
