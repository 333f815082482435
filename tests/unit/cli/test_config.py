"""Configuration: later sources win, unknown and impossible settings are refused with a sentence."""

from pathlib import Path
from typing import Any

import pytest

from lamplighter.config import ConfigurationRefused, default_data_dir, is_loopback, read_configuration

HOME = {"HOME": "/home/ada"}


def test_defaults_are_lambdas_and_loopback() -> None:
    configuration = read_configuration({}, HOME, is_root=False)

    assert (configuration.host, configuration.port) == ("127.0.0.1", 4566)
    assert (configuration.account_id, configuration.region) == ("000000000000", "us-east-1")
    assert configuration.data_dir == Path("/home/ada/.local/share/lamplighter")


def test_flags_win_over_environment_over_file(tmp_path: Path) -> None:
    file = tmp_path / "lamplighter.toml"
    file.write_text('port = 1\nregion = "eu-west-1"\naccount_id = "111111111111"\n')
    environment = {**HOME, "LAMPLIGHTER_CONFIG": str(file), "LAMPLIGHTER_PORT": "2", "LAMPLIGHTER_REGION": "eu-west-2"}

    configuration = read_configuration({"port": "3", "host": None}, environment, is_root=False)

    assert (configuration.port, configuration.region, configuration.account_id) == (3, "eu-west-2", "111111111111")


@pytest.mark.parametrize(
    ("environment", "is_root", "expected"),
    [
        ({**HOME, "LAMPLIGHTER_DATA_DIR": "/srv/l"}, True, "/srv/l"),
        (HOME, True, "/var/lib/lamplighter"),
        ({**HOME, "XDG_DATA_HOME": "/x"}, False, "/x/lamplighter"),
    ],
)
def test_the_data_directory_has_one_place_for_each_kind_of_user(
    environment: dict[str, str], is_root: Any, expected: str
) -> None:
    assert default_data_dir(environment, is_root=is_root) == Path(expected)


REFUSED: dict[str, tuple[dict[str, Any], dict[str, str], str]] = {
    "unknown flag": ({"colour": "red"}, {}, "unknown setting 'colour' on the command line"),
    "unknown variable": ({}, {"LAMPLIGHTER_PROT": "1"}, "unknown setting 'prot' in the environment"),
    "port": ({"port": "70000"}, {}, "from 0"),
    "port in words": ({"port": "http"}, {}, "setting 'port'"),
    "account": ({"account_id": "1"}, {}, "twelve digits"),
    "region": ({"region": "Mars"}, {}, "looks like"),
    "switch": ({}, {"LAMPLIGHTER_INSECURE_LISTEN": "perhaps"}, "true or false"),
    "drain": ({"drain_seconds": "-1"}, {}, "seconds"),
    "one half of TLS": ({"tls_key": "/k"}, {}, "belong together"),
    "beyond loopback without TLS": ({"host": "0.0.0.0"}, {}, "needs TLS"),
    "dev beyond loopback": ({"host": "0.0.0.0", "mode": "dev", "insecure_listen": True}, {}, "loopback only"),
    "no such file": ({"config": "/nowhere.toml"}, {}, "cannot read /nowhere.toml"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_with_a_sentence(name: str) -> None:
    flags, environment, words = REFUSED[name]

    with pytest.raises(ConfigurationRefused, match=words):
        read_configuration(flags, {**HOME, **environment}, is_root=False)


@pytest.mark.parametrize("text", ["port = ", 'colour = "red"', 'port = "x"', "port = true", "host = 7"])
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text)

    with pytest.raises(ConfigurationRefused, match=r"wrong\.toml"):
        read_configuration({"config": str(file)}, HOME, is_root=False)


def test_listening_beyond_loopback_is_allowed_with_tls_or_when_told() -> None:
    with_tls = read_configuration({"host": "0.0.0.0", "tls_certificate": "/c", "tls_key": "/k"}, HOME)
    told = read_configuration({"host": "0.0.0.0", "insecure_listen": True}, HOME)

    assert with_tls.host == told.host == "0.0.0.0"
    assert [is_loopback(host) for host in ("localhost", "127.1.2.3", "::1", "10.0.0.1", "example.org")] == [
        True, True, True, False, False,
    ]  # fmt: skip
