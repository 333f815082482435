"""The stored form of event invoke configurations: table `event_invoke_configs`, keyed account/region/name/qualifier."""

import msgspec

from lamplighter.resources.event_invoke.model import EventInvokeConfig
from lamplighter.resources.functions.table import Reader, function_key
from lamplighter.storage.storage import Transaction

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(EventInvokeConfig).decode


def get_config(reader: Reader, account_id: str, region: str, name: str, qualifier: str) -> EventInvokeConfig | None:
    found = reader.get("event_invoke_configs", f"{function_key(account_id, region, name)}/{qualifier}")
    return None if found is None else _decode(found)


def put_config(
    transaction: Transaction, account_id: str, region: str, name: str, qualifier: str, config: EventInvokeConfig
) -> None:
    transaction.put("event_invoke_configs", f"{function_key(account_id, region, name)}/{qualifier}", _encode(config))


def delete_config(transaction: Transaction, account_id: str, region: str, name: str, qualifier: str) -> bool:
    return transaction.delete("event_invoke_configs", f"{function_key(account_id, region, name)}/{qualifier}")


def list_configs(
    reader: Reader, account_id: str, region: str, name: str, *, after: str | None = None, limit: int | None = None
) -> list[EventInvokeConfig]:
    """$LATEST, then versions, then aliases, beginning behind the qualifier `after`."""
    prefix = function_key(account_id, region, name) + "/"
    behind = None if after is None else prefix + after
    found = reader.list("event_invoke_configs", prefix, after=behind, limit=limit)
    return [_decode(value) for _, value in found]


def delete_configs(transaction: Transaction, account_id: str, region: str, name: str) -> None:
    for key, _ in transaction.list("event_invoke_configs", function_key(account_id, region, name) + "/"):
        transaction.delete("event_invoke_configs", key)
