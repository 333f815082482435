"""The stored form of capacity providers: table `capacity_providers`, keyed account/region/name.

`scaling_configs` holds how function versions scale, keyed account/region/function/version. Which versions use a
capacity provider is noted where versions are written (`functions.table`). Must not know why a record is written.
"""

from collections.abc import Iterator

import msgspec

from lamplighter.resources.capacity_providers.model import CapacityProvider, ScalingConfig
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.functions.names import LATEST, FunctionName
from lamplighter.resources.functions.table import (
    Reader,
    capacity_provider_of,
    function_key,
    get_function,
    get_version,
)
from lamplighter.storage.storage import Transaction

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(CapacityProvider).decode
_decode_scaling = msgspec.msgpack.Decoder(ScalingConfig).decode

Key = tuple[str, str, str]


def get_capacity_provider(reader: Reader, account_id: str, region: str, name: str) -> CapacityProvider | None:
    found = reader.get("capacity_providers", f"{account_id}/{region}/{name}")
    return None if found is None else _decode(found)


def put_capacity_provider(transaction: Transaction, capacity_provider: CapacityProvider) -> None:
    transaction.put("capacity_providers", _key_of(capacity_provider), _encode(capacity_provider))


def delete_capacity_provider(transaction: Transaction, capacity_provider: CapacityProvider) -> None:
    transaction.delete("capacity_providers", _key_of(capacity_provider))
    for key, _ in transaction.list("capacity_provider_versions", f"{capacity_provider.arn}/"):
        transaction.delete("capacity_provider_versions", key)


def list_capacity_providers(
    reader: Reader, account_id: str, region: str, *, after: str | None = None, limit: int | None = None
) -> list[CapacityProvider]:
    """The account's by name, beginning behind the name `after`."""
    prefix = f"{account_id}/{region}/"
    behind = None if after is None else prefix + after
    return [_decode(value) for _, value in reader.list("capacity_providers", prefix, after=behind, limit=limit)]


def list_unsettled(reader: Reader) -> list[Key]:
    """What an earlier life of the server left undone."""
    found = (_decode(value) for _, value in reader.list("capacity_providers", ""))
    return [(each.account_id, each.region, each.name) for each in found if not each.is_settled]


def iterate_versions(
    reader: Reader, capacity_provider_arn: str, *, after: str | None = None
) -> Iterator[tuple[str, FunctionConfiguration]]:
    """The function versions that use it, each with its place in the order; $LATEST is the first of its function."""
    prefix = f"{capacity_provider_arn}/"
    behind = None if after is None else prefix + after
    for key, _ in reader.list("capacity_provider_versions", prefix, after=behind):
        place = key.removeprefix(prefix)
        configuration = _read(reader, place)
        # Notes are left behind by versions that are gone or have changed.
        if configuration is not None and capacity_provider_of(configuration) == capacity_provider_arn:
            yield place, configuration


def _read(reader: Reader, place: str) -> FunctionConfiguration | None:
    account_id, region, name, *version = place.split("/")
    if version:
        return get_version(reader, account_id, region, name, int(version[0]))
    record = get_function(reader, account_id, region, name)
    return None if record is None else record.latest


# --- scaling of function versions


def get_scaling(reader: Reader, name: FunctionName) -> ScalingConfig | None:
    found = reader.get("scaling_configs", _scaling_key(name))
    return None if found is None else _decode_scaling(found)


def put_scaling(transaction: Transaction, name: FunctionName, config: ScalingConfig) -> None:
    transaction.put("scaling_configs", _scaling_key(name), _encode(config))


def delete_scaling(transaction: Transaction, name: FunctionName) -> None:
    """That of the version that is named; without a qualifier, those of all."""
    if name.qualifier is not None:
        transaction.delete("scaling_configs", _scaling_key(name))
        return
    for key, _ in transaction.list("scaling_configs", f"{function_key(name.account_id, name.region, name.name)}/"):
        transaction.delete("scaling_configs", key)


def _scaling_key(name: FunctionName) -> str:
    return f"{function_key(name.account_id, name.region, name.name)}/{name.qualifier or LATEST}"


def _key_of(capacity_provider: CapacityProvider) -> str:
    return f"{capacity_provider.account_id}/{capacity_provider.region}/{capacity_provider.name}"
