"""The stored form of functions and their versions: three tables of msgpack records.

`functions`: account/region/name. `function_versions`: the same, then the version in ten digits, so that keys sort as
versions count. `unsettled`: what the reconciler still has to do, under the key of the function or version. Must not
know why a record is written.
"""

from typing import LiteralString, Protocol

import msgspec
from msgspec.structs import replace

from lamplighter.resources.functions.model import AccountUsage, FunctionConfiguration, FunctionRecord
from lamplighter.storage.storage import Transaction

_encode = msgspec.msgpack.Encoder().encode
_decode_record = msgspec.msgpack.Decoder(FunctionRecord).decode
_decode_version = msgspec.msgpack.Decoder(FunctionConfiguration).decode
_decode_usage = msgspec.msgpack.Decoder(AccountUsage).decode


class Reader(Protocol):
    """What a transaction and the store itself have in common."""

    def get(self, table: LiteralString, key: str) -> bytes | None: ...

    def list(
        self, table: LiteralString, prefix: str, *, after: str | None = None, limit: int | None = None
    ) -> list[tuple[str, bytes]]: ...


def function_key(account_id: str, region: str, name: str) -> str:
    return f"{account_id}/{region}/{name}"


def version_key(account_id: str, region: str, name: str, version: int) -> str:
    return f"{account_id}/{region}/{name}/{version:010d}"


def with_latest(record: FunctionRecord, latest: FunctionConfiguration) -> FunctionRecord:
    return replace(record, latest=latest)


def get_function(reader: Reader, account_id: str, region: str, name: str) -> FunctionRecord | None:
    found = reader.get("functions", function_key(account_id, region, name))
    return None if found is None else _decode_record(found)


def put_function(transaction: Transaction, record: FunctionRecord) -> None:
    latest = record.latest
    key = function_key(latest.account_id, latest.region, latest.name)
    transaction.put("functions", key, _encode(record))
    _note_unsettled(transaction, key, latest)
    _note_capacity_provider(transaction, key, latest)


def delete_function(transaction: Transaction, account_id: str, region: str, name: str) -> list[FunctionConfiguration]:
    """Delete the function with all its versions; returns these, $LATEST first."""
    record = get_function(transaction, account_id, region, name)
    versions = list_versions(transaction, account_id, region, name)
    for version in versions:
        delete_version(transaction, version)
    key = function_key(account_id, region, name)
    transaction.delete("functions", key)
    transaction.delete("unsettled", key)
    return versions if record is None else [record.latest, *versions]


def list_functions(
    reader: Reader, account_id: str, region: str, *, after: str | None = None, limit: int | None = None
) -> list[FunctionRecord]:
    """The account's functions by name, beginning behind the name `after`."""
    prefix = f"{account_id}/{region}/"
    behind = None if after is None else prefix + after
    return [_decode_record(value) for _, value in reader.list("functions", prefix, after=behind, limit=limit)]


def get_version(reader: Reader, account_id: str, region: str, name: str, version: int) -> FunctionConfiguration | None:
    found = reader.get("function_versions", version_key(account_id, region, name, version))
    return None if found is None else _decode_version(found)


def put_version(transaction: Transaction, configuration: FunctionConfiguration) -> None:
    key = version_key(configuration.account_id, configuration.region, configuration.name, int(configuration.version))
    transaction.put("function_versions", key, _encode(configuration))
    _note_unsettled(transaction, key, configuration)
    _note_capacity_provider(transaction, key, configuration)


def delete_version(transaction: Transaction, configuration: FunctionConfiguration) -> None:
    key = version_key(configuration.account_id, configuration.region, configuration.name, int(configuration.version))
    transaction.delete("function_versions", key)
    transaction.delete("unsettled", key)


def list_versions(
    reader: Reader, account_id: str, region: str, name: str, *, after: int | None = None, limit: int | None = None
) -> list[FunctionConfiguration]:
    """Published versions in their order, beginning behind version `after`."""
    behind = None if after is None else version_key(account_id, region, name, after)
    prefix = function_key(account_id, region, name) + "/"
    return [_decode_version(value) for _, value in reader.list("function_versions", prefix, after=behind, limit=limit)]


def list_unsettled(reader: Reader) -> list[tuple[str, str, str, int | None]]:
    """What an earlier life of the server left undone: account, region, name, version (None for $LATEST)."""
    found = []
    for key, _ in reader.list("unsettled", ""):
        account_id, region, name, *version = key.split("/")
        found.append((account_id, region, name, int(version[0]) if version else None))
    return found


def get_usage(reader: Reader, account_id: str, region: str) -> AccountUsage:
    found = reader.get("account_usage", f"{account_id}/{region}")
    return AccountUsage() if found is None else _decode_usage(found)


def add_usage(
    transaction: Transaction,
    account_id: str,
    region: str,
    *,
    functions: int = 0,
    code_bytes: int = 0,
    reserved_concurrency: int = 0,
) -> None:
    """Count what a transaction adds; negative figures for what it takes away."""
    usage = get_usage(transaction, account_id, region)
    changed = AccountUsage(
        function_count=usage.function_count + functions,
        code_bytes=usage.code_bytes + code_bytes,
        reserved_concurrency=usage.reserved_concurrency + reserved_concurrency,
    )
    transaction.put("account_usage", f"{account_id}/{region}", _encode(changed))


def _note_unsettled(transaction: Transaction, key: str, configuration: FunctionConfiguration) -> None:
    """Keep `unsettled` equal to what its records say, in the same transaction."""
    if configuration.is_settled:
        transaction.delete("unsettled", key)
    else:
        transaction.put("unsettled", key, b"")


def capacity_provider_of(configuration: FunctionConfiguration) -> str | None:
    """The ARN of the capacity provider that a managed function is to run on; None for all others."""
    config = configuration.settings.get("CapacityProviderConfig")
    return config["LambdaManagedInstancesCapacityProviderConfig"]["CapacityProviderArn"] if config else None


def _note_capacity_provider(transaction: Transaction, key: str, configuration: FunctionConfiguration) -> None:
    """Note who uses a capacity provider. Whoever reads the notes looks whether it is still so."""
    arn = capacity_provider_of(configuration)
    if arn is not None:
        transaction.put("capacity_provider_versions", f"{arn}/{key}", b"")
