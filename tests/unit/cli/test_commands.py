"""The command line: refusals are one sentence on stderr and an exit code, never a traceback."""

import json
import os
import shlex
from pathlib import Path

import pytest

from lamplighter import __version__
from lamplighter.cli.main import VERBS, main
from lamplighter.identity.keys import open_root_key
from lamplighter.kernel.ids import RandomIds


def leave_endpoint(data_dir: Path, mode: str, pid: int) -> None:
    told = {
        "endpoint": "http://127.0.0.1:1", "mode": mode, "region": "eu-west-1", "account_id": "111111111111", "pid": pid,
    }  # fmt: skip
    (data_dir / "endpoint.json").write_text(json.dumps(told))


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--all"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"lamplighter {__version__}"
    assert any(line.startswith("httptools ") for line in lines)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])

    assert ended.value.code == 0
    assert f"lamplighter {verb}" in capsys.readouterr().out


def test_no_verb_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "invoke" in capsys.readouterr().out


def test_a_missing_server_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in (["env"], ["invoke", "hello"]):
        assert main([*verb, "--data-dir", str(tmp_path)]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1
        assert "no server runs on" in captured.err


def test_a_server_that_died_is_a_missing_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave_endpoint(tmp_path, "dev", pid=2**22 + 1)

    assert main(["env", "--data-dir", str(tmp_path)]) == 1
    assert "no server runs on" in capsys.readouterr().err


def test_env_prints_what_a_shell_needs_in_dev(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave_endpoint(tmp_path, "dev", os.getpid())

    assert main(["env", "--data-dir", str(tmp_path)]) == 0

    pairs = dict(shlex.split(line)[1].split("=", 1) for line in capsys.readouterr().out.splitlines())
    assert pairs["AWS_ENDPOINT_URL"] == pairs["AWS_ENDPOINT_URL_LAMBDA"] == "http://127.0.0.1:1"
    assert pairs["AWS_REGION"] == pairs["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert pairs["AWS_ACCESS_KEY_ID"] == "111111111111"
    assert pairs["AWS_DISABLE_HOST_PREFIX_INJECTION"] == "true"


def test_env_reads_the_root_key_under_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = open_root_key(tmp_path / "credentials", "111111111111", RandomIds())
    leave_endpoint(tmp_path, "up", os.getpid())

    assert main(["env", "--json", "--data-dir", str(tmp_path)]) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["AWS_ACCESS_KEY_ID"], told["AWS_SECRET_ACCESS_KEY"]) == (key.access_key_id, key.secret_access_key)


def test_an_unreachable_server_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave_endpoint(tmp_path, "dev", os.getpid())

    assert main(["invoke", "hello", "--data-dir", str(tmp_path)]) == 1
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--port", "x"], ["--host", "0.0.0.0"], ["--config", "/nowhere"], ["--region", "M"]])
def test_up_refuses_what_cannot_be_configured(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", *flags]) == 1
    assert capsys.readouterr().err.startswith("lamplighter up: ")
