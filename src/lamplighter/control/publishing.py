"""Publishing: an immutable copy of $LATEST under the next number. Pure; used by creation, updates and PublishVersion.

Must not know where records are stored.
"""

from msgspec.structs import replace

from lamplighter.resources.functions.model import FunctionConfiguration, FunctionRecord
from lamplighter.resources.functions.rules import begin_creation


def publish(
    record: FunctionRecord, *, description: str | None, version_revision: str, latest_revision: str
) -> tuple[FunctionRecord, FunctionConfiguration]:
    """The record after publishing, and the version. The revision ids are new ones for the version and for $LATEST."""
    number = record.next_version
    latest = record.latest
    version = replace(latest, version=str(number), revision_id=version_revision)
    if description is not None:
        version = replace(version, description=description)
    if latest.state in ("Active", "ActiveNonInvocable"):
        version = _published_state(version)
    published = replace(
        record,
        latest=replace(latest, revision_id=latest_revision),
        next_version=number + 1,
        published_version=number,
        published_content=latest.content_revision,
    )
    return published, version


def _published_state(version: FunctionConfiguration) -> FunctionConfiguration:
    """Active at once, unless a snapshot has to be taken or instances have to be found first."""
    takes_snapshot = version.settings.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions"
    if takes_snapshot or "CapacityProviderConfig" in version.settings:
        return begin_creation(
            replace(
                version,
                last_update_status=None,
                last_update_status_reason=None,
                last_update_status_reason_code=None,
            )
        )
    return version
