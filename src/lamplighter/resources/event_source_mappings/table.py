"""The stored form of event source mappings: table `event_source_mappings`, keyed account/region/uuid.

`event_source_identities` holds which mapping has a source for a function, `unsettled_mappings` what is still to be
brought about; both follow the records in the same transaction. Must not know rules.
"""

from dataclasses import dataclass

import msgspec

from lamplighter.resources.event_source_mappings.model import EventSourceMapping
from lamplighter.resources.functions.table import Reader
from lamplighter.storage.storage import Transaction

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(EventSourceMapping).decode


@dataclass(frozen=True, slots=True)
class MappingKey:
    """One mapping of one account and region."""

    account_id: str
    region: str
    uuid: str

    def __str__(self) -> str:
        return f"{self.account_id}/{self.region}/{self.uuid}"


def key_of(mapping: EventSourceMapping) -> MappingKey:
    return MappingKey(mapping.account_id, mapping.region, mapping.uuid)


def get_mapping(reader: Reader, key: MappingKey) -> EventSourceMapping | None:
    found = reader.get("event_source_mappings", str(key))
    return None if found is None else _decode(found)


def put_mapping(transaction: Transaction, mapping: EventSourceMapping) -> None:
    """Set the mapping; the caller has made sure that its identity is free."""
    key = str(key_of(mapping))
    before = get_mapping(transaction, key_of(mapping))
    if before is not None and before.identity != mapping.identity:
        transaction.delete("event_source_identities", _identity(before))
    transaction.put("event_source_mappings", key, _encode(mapping))
    transaction.put("event_source_identities", _identity(mapping), mapping.uuid.encode())
    if mapping.is_settled:
        transaction.delete("unsettled_mappings", key)
    else:
        transaction.put("unsettled_mappings", key, b"")


def delete_mapping(transaction: Transaction, mapping: EventSourceMapping) -> None:
    for table in ("event_source_mappings", "unsettled_mappings"):
        transaction.delete(table, str(key_of(mapping)))
    transaction.delete("event_source_identities", _identity(mapping))


def find_same(reader: Reader, mapping: EventSourceMapping) -> str | None:
    """The UUID of another mapping of the same source and function."""
    found = reader.get("event_source_identities", _identity(mapping))
    uuid = None if found is None else found.decode()
    return None if uuid == mapping.uuid else uuid


def list_mappings(
    reader: Reader, account_id: str, region: str, *, after: str | None = None, limit: int | None = None
) -> list[EventSourceMapping]:
    """The account's mappings by UUID, beginning behind the UUID `after`."""
    prefix = f"{account_id}/{region}/"
    behind = None if after is None else prefix + after
    return [_decode(value) for _, value in reader.list("event_source_mappings", prefix, after=behind, limit=limit)]


def list_unsettled(reader: Reader) -> list[MappingKey]:
    """What an earlier life of the server left undone."""
    return [MappingKey(*key.split("/")) for key, _ in reader.list("unsettled_mappings", "")]


def _identity(mapping: EventSourceMapping) -> str:
    return f"{mapping.account_id}/{mapping.region}/" + "\n".join(mapping.identity)
