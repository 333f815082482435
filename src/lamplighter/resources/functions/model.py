"""What a function is, as stored: its configuration ($LATEST or a published version) and what the versions share.

Member names are the API's in snake_case. Pure: must not know storage or the wire.
"""

from typing import Any

import msgspec

from lamplighter.kernel.arn import lambda_arn


class CodeReference(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded zip: `digest` is the hex SHA-256 naming blob and unpacked package; `sha256` is AWS's base64 form.

    A container image has no digest in our stores; its `sha256` is the image's, in hex, as AWS shows it.
    """

    digest: str
    sha256: str
    size: int
    unzipped_size: int = 0


class LayerReference(msgspec.Struct, frozen=True, kw_only=True):
    """A layer version in use: its ARN and its own copy of the code reference, so that deletion does not break it."""

    arn: str
    code: CodeReference


class FunctionConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of one version of one function. `modified_at` in seconds since 1970; sizes in MiB as in AWS.

    `revision_id` changes with every change that the API shows, `content_revision` only with code and configuration:
    environments and "nothing to publish" go by the latter. Nested configurations that only the API shows (VpcConfig,
    SnapStart, ...) are kept in `settings` under the API's own member names; what the data plane needs is spelled out.
    """

    account_id: str
    region: str
    name: str
    version: str = "$LATEST"
    revision_id: str
    content_revision: str = ""
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
    image_uri: str | None = None
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
        return lambda_arn(self.region, self.account_id, "function", self.name)

    @property
    def qualified_arn(self) -> str:
        """The ARN with the version."""
        return f"{self.arn}:{self.version}"

    @property
    def is_settled(self) -> bool:
        """Whether the reconciler has nothing left to do."""
        return self.state != "Pending" and self.last_update_status != "InProgress"


class FunctionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A function: $LATEST, and what all its versions share."""

    latest: FunctionConfiguration
    next_version: int = 1
    # The version that $LATEST was last published as, and the content that was: publishing it again changes nothing.
    published_version: int | None = None
    published_content: str | None = None
    reserved_concurrency: int | None = None
    recursive_loop: str = "Terminate"
    code_signing_config_arn: str | None = None


class AccountUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What one account uses in one region, kept up to date in the transactions that change it."""

    function_count: int = 0
    code_bytes: int = 0
    reserved_concurrency: int = 0
