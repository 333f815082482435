"""AWS's runtime interface client for Ruby, the gem aws_lambda_ric, unmodified, at /var/runtime.

It is fetched from the registry of gems, or taken from a .gem file that the operator names. A gem holds digests of its
parts, which are checked; its files are plain Ruby, so nothing is compiled. Must not know where Ruby comes from.
"""

import gzip
import hashlib
import re
import shutil
import tarfile
import tempfile
from pathlib import Path

from lamplighter.sandboxes.runtimes.fetch import download, unpack
from lamplighter.sandboxes.runtimes.identifiers import Identifier
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from lamplighter.sandboxes.runtimes.progress import Progress, Step

_NAME, _VERSION = "aws_lambda_ric", "3.1.1"
_REGISTRY = "https://rubygems.org/gems"
_DATA = "data.tar.gz"
_DIGEST = re.compile(r"^SHA256:\n(?:  \S+: \S+\n)*?  data\.tar\.gz: ['\"]?([0-9a-f]{64})", re.MULTILINE)
_BOOT = Path(__file__).parent / "boot"


def install_ruby_client(
    root: Path, cache: Path, packages: tuple[str, ...], identifier: Identifier, progress: Progress
) -> str:
    """Returns name and version of what was installed. `packages` may name a .gem file of the client."""
    gem = _gem(cache, packages)
    client = gem.stem.replace(f"{_NAME}-", f"{_NAME} ")
    progress(Step(identifier.name, f"installing {client}", 0.6))
    target = root / "var/runtime/aws_lambda_ric"
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        data = _checked_data(gem, Path(scratch))
        unpack(data, target, ("lib/", "LICENSE", "NOTICE"), leading=False)
    if not (target / "lib/aws_lambda_ric/bootstrap.rb").is_file():
        raise ImportFailed(f"{gem.name} is not AWS's client for Ruby: it has no lib/aws_lambda_ric/bootstrap.rb")
    shutil.copyfile(_BOOT / "bootstrap.rb", root / "var/runtime/bootstrap.rb")
    return client


def ruby_argv() -> tuple[str, ...]:
    """The character set is named, because our root filesystems have no en_US.UTF-8 locale to take it from."""
    return ("/var/lang/bin/ruby", "-EUTF-8", "/var/runtime/bootstrap.rb", "{handler}")


def _gem(cache: Path, packages: tuple[str, ...]) -> Path:
    if packages:
        given = Path(packages[0])
        if len(packages) > 1 or given.suffix != ".gem" or not given.is_file():
            raise ImportFailed("for Ruby the only further package can be a .gem file of AWS's client on this machine")
        return given
    kept = cache / "gems" / f"{_NAME}-{_VERSION}.gem"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".part")
        download(f"{_REGISTRY}/{kept.name}", partial)
        partial.replace(kept)
    return kept


def _checked_data(gem: Path, scratch: Path) -> Path:
    """The archive of files inside the gem, after comparing it with the digest beside it."""
    try:
        with tarfile.open(gem) as tar:
            parts = {name: tar.extractfile(name) for name in ("checksums.yaml.gz", _DATA)}
            checksums, content = (part.read() if part else b"" for part in parts.values())
        digest = _DIGEST.search(gzip.decompress(checksums).decode())
    except (tarfile.TarError, KeyError, OSError, ValueError) as error:
        raise ImportFailed(f"{gem.name} is no gem: {error}") from error
    if digest is None or digest[1] != hashlib.sha256(content).hexdigest():
        raise ImportFailed(f"{gem.name} is damaged: its files do not have the digest that it tells")
    (scratch / _DATA).write_bytes(content)
    return scratch / _DATA
