"""What an event source mapping is, as stored, and which states it goes through.

Pure: must not know storage or pollers.
"""

from typing import Any

import msgspec

from lamplighter.kernel.arn import lambda_arn

# What an operation asks for, and where it leads from which state. What is not here may not happen.
TRANSITIONS: dict[tuple[str, str], str] = {
    ("Enabled", "update"): "Updating",
    ("Disabled", "update"): "Updating",
    ("Disabled", "enable"): "Enabling",
    ("Enabled", "disable"): "Disabling",
    ("Enabled", "delete"): "Deleting",
    ("Disabled", "delete"): "Deleting",
    ("Creating", "delete"): "Deleting",
}
SETTLED = frozenset({"Enabled", "Disabled"})


class EventSourceMapping(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` is the name of its source's kind; `is_enabled` what is wanted, `state` how far that is.

    `members` holds what the source's kind is configured with, under the API's own member names, defaults included.
    `revision_id` changes with every change of what is wanted, for whoever brings it about.
    """

    account_id: str
    region: str
    uuid: str
    kind: str
    function_arn: str
    is_enabled: bool = True
    state: str = "Creating"
    state_transition_reason: str
    last_processing_result: str | None = None
    modified_at: float
    revision_id: str
    # Any: the API's own nested structures, already validated against AWS's model.
    members: dict[str, Any]

    @property
    def arn(self) -> str:
        return lambda_arn(self.region, self.account_id, "event-source-mapping", self.uuid)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to bring about."""
        return self.state in SETTLED

    @property
    def settled_state(self) -> str | None:
        """Where it is going; None when it is going away."""
        if self.state == "Deleting":
            return None
        return "Enabled" if self.is_enabled else "Disabled"

    @property
    def identity(self) -> tuple[str, ...]:
        """What no second mapping of the same function may have: source, topic or queue or collection."""
        members = self.members
        brokers = (members.get("SelfManagedEventSource") or {}).get("Endpoints", {}).get("KAFKA_BOOTSTRAP_SERVERS", [])
        database = members.get("DocumentDBEventSourceConfig") or {}
        return (
            self.function_arn,
            members.get("EventSourceArn") or ",".join(sorted(brokers)),
            *members.get("Topics", ()),
            *members.get("Queues", ()),
            *(database[member] for member in ("DatabaseName", "CollectionName") if member in database),
        )
