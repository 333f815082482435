"""AWS's gem for Ruby is taken from the cache or from a file, looked at, and put beside a start file."""

from pathlib import Path

import pytest

from lamplighter.sandboxes.runtimes.identifiers import parse_identifier
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from lamplighter.sandboxes.runtimes.progress import ignore
from lamplighter.sandboxes.runtimes.ruby_client import install_ruby_client
from tests.unit.runtimes.gems import make_gem

RUBY = parse_identifier("ruby3.3")
FILES = {"lib/aws_lambda_ric/bootstrap.rb": "module Bootstrap; end", "bin/aws_lambda_ric": "x", "LICENSE": "Apache"}


def install(root: Path, *packages: Path) -> str:
    (root / "var/runtime").mkdir(parents=True, exist_ok=True)
    (root / "cache").mkdir(exist_ok=True)
    return install_ruby_client(root, root / "cache", tuple(map(str, packages)), RUBY, ignore)


def test_a_gem_that_the_operator_names_is_installed(tmp_path: Path) -> None:
    gem = make_gem(tmp_path / "aws_lambda_ric-3.9.9.gem", FILES)
    assert install(tmp_path, gem) == "aws_lambda_ric 3.9.9"
    runtime = tmp_path / "var/runtime"
    assert (runtime / "aws_lambda_ric/lib/aws_lambda_ric/bootstrap.rb").read_text() == "module Bootstrap; end"
    assert not (runtime / "aws_lambda_ric/bin").exists()
    assert "aws_lambda_ric/lib/aws_lambda_ric/bootstrap" in (runtime / "bootstrap.rb").read_text()


def test_a_gem_in_the_cache_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "cache/gems").mkdir(parents=True)
    make_gem(tmp_path / "cache/gems/aws_lambda_ric-3.1.1.gem", FILES)
    assert install(tmp_path) == "aws_lambda_ric 3.1.1"


def test_what_is_no_whole_gem_of_the_client_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="its files do not have the digest"):
        install(tmp_path, make_gem(tmp_path / "damaged.gem", FILES, digest="f" * 64))
    with pytest.raises(ImportFailed, match="not AWS's client for Ruby"):
        install(tmp_path, make_gem(tmp_path / "rake.gem", {"lib/rake.rb": ""}))
    with pytest.raises(ImportFailed, match=r"holds 'lib/\.\./\.\./up'"):
        install(tmp_path, make_gem(tmp_path / "climbs.gem", {"lib/../../up": ""}))
    (tmp_path / "text.gem").write_text("no archive")
    with pytest.raises(ImportFailed, match="is no gem"):
        install(tmp_path, tmp_path / "text.gem")
    with pytest.raises(ImportFailed, match=r"can be a \.gem file"):
        install(tmp_path, tmp_path / "rails")
