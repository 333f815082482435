"""aws-lambda-ric, AWS's runtime interface client for Node.js, unmodified, at /var/runtime; and Node.js itself from npm.

The client's JavaScript is taken as published; its native part is compiled by `node_addon` from the sources in the
same package. Must not know where the rest of the root filesystem comes from.
"""

import shutil
from pathlib import Path

from lamplighter.sandboxes.runtimes.fetch import NpmPackage, fetch_npm_package, npm_architecture, unpack
from lamplighter.sandboxes.runtimes.identifiers import Identifier
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from lamplighter.sandboxes.runtimes.node_addon import RIC, build_addon
from lamplighter.sandboxes.runtimes.progress import Progress, Step

CLIENT = f"{RIC.name} {RIC.version}"
_BOOT = Path(__file__).parent / "boot"

# The npm packages node-linux-*: the official builds of nodejs.org, without an install script.
_NODE = {
    ("20", "x64"): (
        "20.20.2",
        "PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==",
    ),
    ("22", "x64"): (
        "22.23.3",
        "qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==",
    ),
    ("24", "x64"): (
        "24.21.0",
        "3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
    ),
    ("20", "arm64"): (
        "20.20.2",
        "LCXJnNTFiyGuYBw2gZSI5OBFMbkjAPt8sqD/NKrWoE2QmDgSubTqFng6GaNJ9EJ8HpxBMGcWWpbbcs4Vo+CnGg==",
    ),
    ("22", "arm64"): (
        "22.23.3",
        "l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA==",
    ),
    ("24", "arm64"): (
        "24.21.0",
        "FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
    ),
}


def node_package(major: str) -> NpmPackage:
    architecture = npm_architecture()
    if (major, architecture) not in _NODE:
        known = ", ".join(sorted({f"nodejs{version}.x" for version, _ in _NODE}))
        raise ImportFailed(f"no build of Node.js {major} is known; known are {known}")
    version, sha512 = _NODE[major, architecture]
    return NpmPackage(f"node-linux-{architecture}", version, sha512)


def install_node(identifier: Identifier, prefix: Path, cache: Path, progress: Progress) -> str:
    """Put Node.js at `prefix` and return its version."""
    package = node_package(identifier.version)
    progress(Step(identifier.name, f"downloading node {package.version}", 0.1))
    unpack(fetch_npm_package(package, cache), prefix, ("bin/node", "LICENSE"))
    (prefix / "bin/node").chmod(0o755)
    return package.version


def install_node_client(root: Path, cache: Path, identifier: Identifier, progress: Progress) -> None:
    progress(Step(identifier.name, f"installing {CLIENT}", 0.4))
    target = root / "var/runtime/node_modules" / RIC.name
    unpack(fetch_npm_package(RIC, cache), target, ("dist/", "package.json", "LICENSE", "NOTICE", "THIRD-PARTY"))
    addon = build_addon(cache, lambda: fetch_npm_package(node_package("22"), cache), identifier, progress)
    shutil.copyfile(addon, target / "dist/rapid-client.node")
    shutil.copyfile(_BOOT / "index.mjs", root / "var/runtime/index.mjs")


def node_argv() -> tuple[str, ...]:
    return ("/var/lang/bin/node", "/var/runtime/index.mjs")
