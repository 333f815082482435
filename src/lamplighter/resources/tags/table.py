"""The stored form of tags: table `tags`, keyed by the resource's ARN. Must not know what carries tags."""

import msgspec

from lamplighter.resources.functions.table import Reader
from lamplighter.storage.storage import Transaction

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, str]).decode


def get_tags(reader: Reader, arn: str) -> dict[str, str]:
    found = reader.get("tags", arn)
    return {} if found is None else _decode(found)


def put_tags(transaction: Transaction, arn: str, tags: dict[str, str]) -> None:
    """Set all tags of a resource; none at all leaves no record."""
    if tags:
        transaction.put("tags", arn, _encode(tags))
    else:
        transaction.delete("tags", arn)
