"""The stored form of aliases: table `aliases`, keyed account/region/function/alias. Must not know their rules."""

import msgspec

from lamplighter.resources.aliases.model import AliasRecord
from lamplighter.resources.functions.table import Reader, function_key
from lamplighter.storage.storage import Transaction

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AliasRecord).decode


def get_alias(reader: Reader, account_id: str, region: str, function: str, name: str) -> AliasRecord | None:
    found = reader.get("aliases", f"{function_key(account_id, region, function)}/{name}")
    return None if found is None else _decode(found)


def put_alias(transaction: Transaction, alias: AliasRecord) -> None:
    transaction.put("aliases", _key(alias), _encode(alias))


def delete_alias(transaction: Transaction, alias: AliasRecord) -> None:
    transaction.delete("aliases", _key(alias))


def list_aliases(
    reader: Reader, account_id: str, region: str, function: str, *, after: str | None = None, limit: int | None = None
) -> list[AliasRecord]:
    """The function's aliases by name, beginning behind the name `after`."""
    prefix = function_key(account_id, region, function) + "/"
    behind = None if after is None else prefix + after
    return [_decode(value) for _, value in reader.list("aliases", prefix, after=behind, limit=limit)]


def _key(alias: AliasRecord) -> str:
    return f"{function_key(alias.account_id, alias.region, alias.function_name)}/{alias.name}"
