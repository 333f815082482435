"""What a resource policy is: statements in their order, under a revision. Pure."""

from typing import Any

import msgspec


class PolicyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`statements` are kept as AWS shows them; a policy that was put as a whole has its own `version` and `id`."""

    version: str = "2012-10-17"
    id: str | None = "default"
    statements: tuple[dict[str, Any], ...] = ()
    revision_id: str

    @property
    def document(self) -> str:
        """The policy as one JSON text."""
        policy: dict[str, Any] = {"Version": self.version}
        if self.id is not None:
            policy["Id"] = self.id
        return msgspec.json.encode({**policy, "Statement": list(self.statements)}).decode()

    def has(self, statement_id: str) -> bool:
        return any(statement.get("Sid") == statement_id for statement in self.statements)
