"""The stored form of function URLs: table `function_urls`, keyed account/region/name/qualifier.

`function_url_ids` leads from the id in a URL to that key. Must not know how a URL is written.
"""

import msgspec

from lamplighter.resources.function_urls.model import FunctionUrlConfig
from lamplighter.resources.functions.names import FunctionName
from lamplighter.resources.functions.table import Reader, function_key
from lamplighter.storage.storage import Transaction

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(FunctionUrlConfig).decode


def get_url(reader: Reader, name: FunctionName, qualifier: str) -> FunctionUrlConfig | None:
    found = reader.get("function_urls", f"{_prefix(name)}{qualifier}")
    return None if found is None else _decode(found)


def find_url(reader: Reader, url_id: str) -> FunctionUrlConfig | None:
    """The configuration of the URL that begins with this id."""
    key = reader.get("function_url_ids", url_id)
    found = None if key is None else reader.get("function_urls", key.decode())
    return None if found is None else _decode(found)


def put_url(transaction: Transaction, config: FunctionUrlConfig) -> None:
    key = f"{function_key(config.account_id, config.region, config.function_name)}/{config.qualifier}"
    transaction.put("function_urls", key, _encode(config))
    transaction.put("function_url_ids", config.url_id, key.encode())


def delete_url(transaction: Transaction, name: FunctionName, qualifier: str) -> bool:
    """Whether there was one."""
    config = get_url(transaction, name, qualifier)
    if config is None:
        return False
    transaction.delete("function_url_ids", config.url_id)
    return transaction.delete("function_urls", f"{_prefix(name)}{qualifier}")


def list_urls(
    reader: Reader, name: FunctionName, *, after: str | None = None, limit: int | None = None
) -> list[FunctionUrlConfig]:
    """$LATEST's, then those of aliases by name, beginning behind the qualifier `after`."""
    prefix = _prefix(name)
    behind = None if after is None else prefix + after
    return [_decode(value) for _, value in reader.list("function_urls", prefix, after=behind, limit=limit)]


def delete_urls(transaction: Transaction, name: FunctionName) -> None:
    for config in list_urls(transaction, name):
        delete_url(transaction, name, config.qualifier)


def _prefix(name: FunctionName) -> str:
    return f"{function_key(name.account_id, name.region, name.name)}/"
