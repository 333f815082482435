"""The stored form of resource policies: table `policies`, keyed by the ARN they hang on. Must not know its kind."""

import msgspec

from lamplighter.resources.functions.table import Reader
from lamplighter.resources.policies.model import PolicyRecord
from lamplighter.storage.storage import Transaction

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(PolicyRecord).decode


def get_policy(reader: Reader, arn: str) -> PolicyRecord | None:
    found = reader.get("policies", arn)
    return None if found is None else _decode(found)


def put_policy(transaction: Transaction, arn: str, policy: PolicyRecord) -> None:
    """Set the policy; one without statements leaves no record."""
    if policy.statements:
        transaction.put("policies", arn, _encode(policy))
    else:
        transaction.delete("policies", arn)


def delete_policies(transaction: Transaction, function_arn: str) -> None:
    """The policy of a function and those of its versions and aliases."""
    transaction.delete("policies", function_arn)
    for key, _ in transaction.list("policies", function_arn + ":"):
        transaction.delete("policies", key)
