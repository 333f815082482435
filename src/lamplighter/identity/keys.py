"""Access keys: who holds which secret, and the root key that the first `lamplighter up` writes.

The credentials file is the truth for the root key: AWS's own INI format, mode 0600, so that any SDK can read it with
AWS_SHARED_CREDENTIALS_FILE. Must not know signatures or requests.
"""

import configparser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lamplighter.identity.context import Principal
from lamplighter.identity.private_file import OpenToOthers, read_private, write_private
from lamplighter.kernel.ids import Ids

_SECTION = "default"
_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BASE64_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class CredentialsRefused(Exception):
    """The credentials file cannot be used; says why and what to do."""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One key. `session_token` is set for temporary credentials. The secrets never appear in a repr."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    principal: Principal
    session_token: str | None = field(default=None, repr=False)


class KeyRing(Protocol):
    """Where the verifier looks keys up."""

    def find(self, access_key_id: str) -> AccessKey | None: ...


class RootKeyRing:
    """The keys of the account roots, held in memory."""

    def __init__(self, *keys: AccessKey) -> None:
        self._keys = {key.access_key_id: key for key in keys}

    def find(self, access_key_id: str) -> AccessKey | None:
        return self._keys.get(access_key_id)


def root_principal(account_id: str, access_key_id: str, partition: str = "aws") -> Principal:
    """The root of an account, who may do everything in it."""
    return Principal(account_id=account_id, arn=f"arn:{partition}:iam::{account_id}:root", access_key_id=access_key_id)


def new_root_key(account_id: str, ids: Ids) -> AccessKey:
    """A random root key: 80 bits of id after AWS's prefix, 240 bits of secret."""
    access_key_id = "AKIA" + _spell(ids.hex(20), 16, _ID_ALPHABET)
    return AccessKey(
        access_key_id, _spell(ids.hex(60), 40, _BASE64_ALPHABET), root_principal(account_id, access_key_id)
    )


def _spell(digits: str, length: int, alphabet: str) -> str:
    number = int(digits, 16)
    letters = []
    for _ in range(length):
        number, index = divmod(number, len(alphabet))
        letters.append(alphabet[index])
    return "".join(letters)


def open_root_key(path: Path, account_id: str, ids: Ids) -> AccessKey:
    """The root key of `path`, created there (durably, mode 0600) when there is none yet."""
    if not path.exists():
        _write_key(path, new_root_key(account_id, ids))
    return read_root_key(path, account_id)


def read_root_key(path: Path, account_id: str) -> AccessKey:
    """The root key in `path`. Raises CredentialsRefused."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(read_private(path).decode())
        section = parser[_SECTION]
        access_key_id, secret = section["aws_access_key_id"].strip(), section["aws_secret_access_key"].strip()
    except OpenToOthers as error:
        raise CredentialsRefused(str(error)) from error
    except OSError as error:
        raise CredentialsRefused(f"cannot read {path}: {error.strerror}") from error
    except (configparser.Error, KeyError, UnicodeDecodeError) as error:
        raise CredentialsRefused(
            f"{path} is not an AWS credentials file with a [{_SECTION}] key: move it away to have a new key made"
        ) from error
    account_id = section.get("aws_account_id", account_id).strip()
    return AccessKey(access_key_id, secret, root_principal(account_id, access_key_id))


def _write_key(path: Path, key: AccessKey) -> None:
    text = (
        f"[{_SECTION}]\n"
        f"aws_access_key_id = {key.access_key_id}\n"
        f"aws_secret_access_key = {key.secret_access_key}\n"
        f"aws_account_id = {key.principal.account_id}\n"
    )
    write_private(path, text.encode())


def open_secret(path: Path, ids: Ids) -> bytes:
    """256 random bits kept in `path`, made when first asked for. Raises CredentialsRefused."""
    try:
        if not path.exists():
            write_private(path, ids.hex(64).encode())
        return bytes.fromhex(read_private(path).decode("ascii"))
    except OpenToOthers as error:
        raise CredentialsRefused(str(error)) from error
    except ValueError as error:
        raise CredentialsRefused(f"{path} holds no secret: remove it to have a new one made") from error
