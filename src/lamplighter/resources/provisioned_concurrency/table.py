"""The stored form of provisioned concurrency: table `provisioned_concurrency`, keyed account/region/name/qualifier."""

import msgspec

from lamplighter.resources.functions.names import FunctionName
from lamplighter.resources.functions.table import Reader, function_key, get_function
from lamplighter.resources.provisioned_concurrency.model import ProvisionedConfig
from lamplighter.storage.storage import Transaction

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ProvisionedConfig).decode


def get_config(reader: Reader, name: FunctionName, qualifier: str) -> ProvisionedConfig | None:
    found = reader.get("provisioned_concurrency", f"{_prefix(name)}{qualifier}")
    return None if found is None else _decode(found)


def put_config(transaction: Transaction, config: ProvisionedConfig) -> None:
    key = f"{function_key(config.account_id, config.region, config.function_name)}/{config.qualifier}"
    transaction.put("provisioned_concurrency", key, _encode(config))


def delete_config(transaction: Transaction, name: FunctionName, qualifier: str) -> bool:
    """Whether there was one."""
    return transaction.delete("provisioned_concurrency", f"{_prefix(name)}{qualifier}")


def list_configs(
    reader: Reader, name: FunctionName, *, after: str | None = None, limit: int | None = None
) -> list[ProvisionedConfig]:
    """Those of one function by qualifier, beginning behind the qualifier `after`."""
    prefix = _prefix(name)
    behind = None if after is None else prefix + after
    return [_decode(value) for _, value in reader.list("provisioned_concurrency", prefix, after=behind, limit=limit)]


def list_functions(reader: Reader) -> list[FunctionName]:
    """All functions of all accounts that have a configuration."""
    addresses = {tuple(key.split("/")[:3]) for key, _ in reader.list("provisioned_concurrency", "")}
    return [FunctionName(*address) for address in sorted(addresses)]


def delete_configs(transaction: Transaction, name: FunctionName) -> None:
    for config in list_configs(transaction, name):
        delete_config(transaction, name, config.qualifier)


def claimed_concurrency(reader: Reader, account_id: str, region: str, *, besides: str | None = None) -> int:
    """What is provisioned beyond all reservations, without the function named `besides`.

    A function's reservation holds what it has provisioned; where there is none, the account's concurrency does.
    """
    requested: dict[str, int] = {}
    for _, value in reader.list("provisioned_concurrency", f"{account_id}/{region}/"):
        config = _decode(value)
        if config.function_name != besides:
            requested[config.function_name] = requested.get(config.function_name, 0) + config.requested
    return sum(count for name, count in requested.items() if not _is_reserved(reader, account_id, region, name))


def _is_reserved(reader: Reader, account_id: str, region: str, name: str) -> bool:
    record = get_function(reader, account_id, region, name)
    return record is not None and record.reserved_concurrency is not None


def _prefix(name: FunctionName) -> str:
    return f"{function_key(name.account_id, name.region, name.name)}/"
