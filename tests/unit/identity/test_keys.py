"""The root key: made once, private, durable, readable by any SDK."""

import stat
from pathlib import Path

import pytest

from lamplighter.identity.keys import CredentialsRefused, RootKeyRing, open_root_key, read_root_key
from lamplighter.kernel.ids import RandomIds


def test_the_first_start_makes_a_key_and_the_next_finds_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "credentials"
    made = open_root_key(path, "123456789012", RandomIds())

    assert open_root_key(path, "123456789012", RandomIds()) == made
    assert made.access_key_id.startswith("AKIA")
    assert len(made.access_key_id) == 20
    assert len(made.secret_access_key) == 40
    assert made.principal.arn == "arn:aws:iam::123456789012:root"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["credentials"]


def test_two_installations_have_two_keys(tmp_path: Path) -> None:
    first = open_root_key(tmp_path / "a", "000000000000", RandomIds())
    second = open_root_key(tmp_path / "b", "000000000000", RandomIds())

    assert first.access_key_id != second.access_key_id
    assert first.secret_access_key != second.secret_access_key


def test_an_open_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    open_root_key(path, "000000000000", RandomIds())
    path.chmod(0o644)

    with pytest.raises(CredentialsRefused, match="chmod 600"):
        read_root_key(path, "000000000000")


@pytest.mark.parametrize("text", ["", "no section", "[default]\naws_access_key_id = a\n", "[default]\n\xff"])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "credentials"
    path.write_bytes(text.encode("latin-1"))
    path.chmod(0o600)

    with pytest.raises(CredentialsRefused, match="move it away"):
        read_root_key(path, "000000000000")


def test_a_key_ring_finds_only_its_keys(tmp_path: Path) -> None:
    key = open_root_key(tmp_path / "credentials", "000000000000", RandomIds())

    assert RootKeyRing(key).find(key.access_key_id) is key
    assert RootKeyRing(key).find("AKIA") is None
