"""The stored form of layers: `layers` keyed account/region/name, `layer_versions` the same with the number in ten
digits. Must not know who uses a layer.
"""

import msgspec

from lamplighter.resources.functions.table import Reader
from lamplighter.resources.layers.model import LayerRecord, LayerVersion
from lamplighter.storage.storage import Transaction

_encode = msgspec.msgpack.Encoder().encode
_decode_layer = msgspec.msgpack.Decoder(LayerRecord).decode
_decode_version = msgspec.msgpack.Decoder(LayerVersion).decode


def get_layer(reader: Reader, account_id: str, region: str, name: str) -> LayerRecord | None:
    found = reader.get("layers", f"{account_id}/{region}/{name}")
    return None if found is None else _decode_layer(found)


def put_layer(transaction: Transaction, account_id: str, region: str, layer: LayerRecord) -> None:
    transaction.put("layers", f"{account_id}/{region}/{layer.name}", _encode(layer))


def list_layers(reader: Reader, account_id: str, region: str, *, after: str | None = None) -> list[LayerRecord]:
    """The account's layers by name, beginning behind the name `after`."""
    prefix = f"{account_id}/{region}/"
    behind = None if after is None else prefix + after
    return [_decode_layer(value) for _, value in reader.list("layers", prefix, after=behind)]


def get_layer_version(reader: Reader, account_id: str, region: str, name: str, version: int) -> LayerVersion | None:
    found = reader.get("layer_versions", _key(account_id, region, name, version))
    return None if found is None else _decode_version(found)


def put_layer_version(transaction: Transaction, version: LayerVersion) -> None:
    key = _key(version.account_id, version.region, version.name, version.version)
    transaction.put("layer_versions", key, _encode(version))


def delete_layer_version(transaction: Transaction, version: LayerVersion) -> None:
    transaction.delete("layer_versions", _key(version.account_id, version.region, version.name, version.version))


def list_layer_versions(reader: Reader, account_id: str, region: str, name: str) -> list[LayerVersion]:
    """Its versions, the newest first, as AWS lists them."""
    found = reader.list("layer_versions", f"{account_id}/{region}/{name}/")
    return [_decode_version(value) for _, value in reversed(found)]


def _key(account_id: str, region: str, name: str, version: int) -> str:
    return f"{account_id}/{region}/{name}/{version:010d}"
