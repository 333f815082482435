"""What a resource policy is: statements in their order, under a revision. Pure."""

from typing import Any

import msgspec


class PolicyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`statements` are kept as AWS shows them."""

    statements: tuple[dict[str, Any], ...] = ()
    revision_id: str

    @property
    def document(self) -> str:
        """The policy as one JSON text."""
        policy = {"Version": "2012-10-17", "Id": "default", "Statement": list(self.statements)}
        return msgspec.json.encode(policy).decode()

    def has(self, statement_id: str) -> bool:
        return any(statement["Sid"] == statement_id for statement in self.statements)
