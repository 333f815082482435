"""The stored form of code signing configurations: table `code_signing_configs`, keyed account/region/id.

`code_signing_functions` holds which functions use one: the configuration's ARN and the function's name. Must not know
what a configuration refuses.
"""

import msgspec

from lamplighter.kernel.arn import Arn
from lamplighter.resources.code_signing.model import CodeSigningConfig
from lamplighter.resources.functions.table import Reader
from lamplighter.storage.storage import Transaction

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(CodeSigningConfig).decode


def get_config(reader: Reader, arn: str) -> CodeSigningConfig | None:
    key = _key_of(arn)
    found = None if key is None else reader.get("code_signing_configs", key)
    return None if found is None else _decode(found)


def put_config(transaction: Transaction, config: CodeSigningConfig) -> None:
    transaction.put("code_signing_configs", f"{config.account_id}/{config.region}/{config.id}", _encode(config))


def delete_config(transaction: Transaction, config: CodeSigningConfig) -> None:
    transaction.delete("code_signing_configs", f"{config.account_id}/{config.region}/{config.id}")


def list_configs(
    reader: Reader, account_id: str, region: str, *, after: str | None = None, limit: int | None = None
) -> list[CodeSigningConfig]:
    """The account's configurations by id, beginning behind the id `after`."""
    prefix = f"{account_id}/{region}/"
    behind = None if after is None else prefix + after
    return [_decode(value) for _, value in reader.list("code_signing_configs", prefix, after=behind, limit=limit)]


def bind_function(transaction: Transaction, name: str, before: str | None, after: str | None) -> None:
    """Note that a function uses the configuration `after` instead of `before`, each None for none."""
    if before is not None:
        transaction.delete("code_signing_functions", f"{before}/{name}")
    if after is not None:
        transaction.put("code_signing_functions", f"{after}/{name}", b"")


def list_functions(
    reader: Reader, config: CodeSigningConfig, *, after: str | None = None, limit: int | None = None
) -> list[str]:
    """Names of the functions that use the configuration, beginning behind the name `after`."""
    prefix = f"{config.arn}/"
    behind = None if after is None else prefix + after
    found = reader.list("code_signing_functions", prefix, after=behind, limit=limit)
    return [key.removeprefix(prefix) for key, _ in found]


def _key_of(text: str) -> str | None:
    arn = Arn.parse(text)
    if arn is None:
        return None
    return f"{arn.account_id}/{arn.region}/{arn.resource.removeprefix('code-signing-config:')}"
