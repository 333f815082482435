"""rapid-client.node, the native part of aws-lambda-ric, compiled once per machine from AWS's own sources.

npm ships no binary. Its install scripts want autotools and node-gyp; the package's sources (curl, aws-lambda-cpp, one
C++ file) need neither: CMake builds the libraries and one compiler call the addon. It speaks Node-API, so one build
serves Node.js 20, 22 and 24. Where no compiler is installed, the ones on PyPI (cmake, ninja, ziglang) are used.
"""

import platform
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lamplighter.sandboxes.runtimes.fetch import (
    NpmPackage,
    fetch_npm_package,
    install_python_packages,
    run,
    unpack,
)
from lamplighter.sandboxes.runtimes.identifiers import Identifier
from lamplighter.sandboxes.runtimes.progress import Progress, Step

RIC = NpmPackage(
    "aws-lambda-ric",
    "3.3.0",
    "9p06TbKVK4a050NY/vYOxhMHvnIiUu5o1W0//q6yNLSqA/c91pn4BOj3C3sRTpplkUNsGJdU5qWyU2STo6L8hA==",
)
_NODE_ADDON_API = NpmPackage(
    "node-addon-api",
    "6.1.0",
    "+eawOlIgy680F0kBzPUNFhMZGtJ1YmqM6l4+Crf4IkImjYrO/mqPwRMh352g23uIaQKFItcQ64I7KMaJxHgAVA==",
)
_TOOLS = ("cmake>=3.25,<5", "ninja>=1.11,<2", "ziglang>=0.13,<0.16")

_CURL_OPTIONS = {
    "BUILD_SHARED_LIBS": "OFF", "BUILD_CURL_EXE": "OFF", "BUILD_TESTING": "OFF", "HTTP_ONLY": "ON",
    "CURL_ENABLE_SSL": "OFF", "CURL_ZLIB": "OFF", "USE_NGHTTP2": "OFF", "CURL_USE_LIBSSH2": "OFF",
    "USE_LIBIDN2": "OFF", "CURL_DISABLE_LDAP": "ON", "ENABLE_MANUAL": "OFF", "ENABLE_IPV6": "OFF",
    "ENABLE_THREADED_RESOLVER": "OFF", "CURL_DISABLE_COOKIES": "ON", "CURL_DISABLE_CRYPTO_AUTH": "ON",
    "CURL_DISABLE_PROXY": "ON", "ENABLE_UNIX_SOCKETS": "OFF", "CMAKE_POSITION_INDEPENDENT_CODE": "ON",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Toolchain:
    """The programs of a build, and the variables they need. `compiler` is a command line."""

    cmake: tuple[str, ...]
    c_compiler: tuple[str, ...]
    compiler: tuple[str, ...]
    generator: tuple[str, ...]
    env: dict[str, str]
    link: tuple[str, ...] = ()


def build_addon(cache: Path, node: Callable[[], Path], identifier: Identifier, progress: Progress) -> Path:
    """The compiled addon in the cache; `node` fetches a Node.js package, whose headers are needed."""
    kept = cache / "npm" / f"rapid-client-{RIC.version}-{platform.machine()}.node"
    if kept.exists():
        return kept
    with tempfile.TemporaryDirectory(dir=cache, prefix="addon-") as scratch:
        work = Path(scratch)
        toolchain = find_toolchain(work, cache, identifier, progress)
        unpack(fetch_npm_package(RIC, cache), work / "ric")
        unpack(fetch_npm_package(_NODE_ADDON_API, cache), work / "addon-api")
        unpack(node(), work / "node", ("include/",))
        progress(Step(identifier.name, "compiling the client's HTTP library (once, about a minute)", 0.5))
        curl = _sources(work, "curl-*.tar.gz")
        _cmake(toolchain, curl, work, _CURL_OPTIONS)
        progress(Step(identifier.name, "compiling the client's native part", 0.85))
        _cmake(toolchain, _sources(work, "aws-lambda-cpp-*.tar.gz"), work, {"CMAKE_CXX_FLAGS": "-fPIC"})
        built = _link_addon(toolchain, work)
        built.replace(kept)
    return kept


def find_toolchain(work: Path, cache: Path, identifier: Identifier, progress: Progress) -> Toolchain:
    """The machine's own tools; else those that pip can bring without privileges (470 MB, gone after the build)."""
    if all(shutil.which(name) for name in ("cmake", "make", "cc", "c++")):
        return Toolchain(
            ("cmake",), ("cc",), ("c++",), ("-G", "Unix Makefiles"), {}, ("-static-libstdc++", "-static-libgcc")
        )
    tools = work / "tools"
    progress(Step(identifier.name, "no compiler here: fetching cmake, ninja and zig", 0.42))
    install_python_packages(_TOOLS, sysconfig.get_python_version(), tools, cache)
    zig = str(tools / "ziglang/zig")
    target = f"{platform.machine()}-linux-gnu.2.28"
    return Toolchain(
        (sys.executable, "-m", "cmake"),
        (zig, "cc", "-target", target),
        (zig, "c++", "-target", target),
        ("-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tools}/bin/ninja"),
        {
            "PYTHONPATH": str(tools),
            "ZIG_GLOBAL_CACHE_DIR": str(work / "zig"),
            "ZIG_LOCAL_CACHE_DIR": str(work / "zig"),
        },
    )


def _sources(work: Path, pattern: str) -> Path:
    archive = next((work / "ric/deps").glob(pattern))
    target = work / archive.name.removesuffix(".tar.gz")
    unpack(archive, target)
    return target


def _cmake(toolchain: Toolchain, sources: Path, work: Path, options: dict[str, str]) -> None:
    build = work / f"build-{sources.name}"
    chosen = {
        "CMAKE_BUILD_TYPE": "Release",
        "CMAKE_INSTALL_LIBDIR": "lib",
        "CMAKE_INSTALL_PREFIX": str(work / "out"),
        "CMAKE_PREFIX_PATH": str(work / "out"),
        "CMAKE_C_COMPILER": ";".join(toolchain.c_compiler),
        "CMAKE_CXX_COMPILER": ";".join(toolchain.compiler),
        **options,
    }
    defines = [f"-D{name}={value}" for name, value in chosen.items()]
    argv = [*toolchain.cmake, "-S", str(sources), "-B", str(build), *toolchain.generator, *defines]
    run(argv, env=toolchain.env)
    run([*toolchain.cmake, "--build", str(build), "--target", "install", "--parallel", "2"], env=toolchain.env)


def _link_addon(toolchain: Toolchain, work: Path) -> Path:
    built = work / "rapid-client.node"
    includes = ("node/include/node", "addon-api", "out/include")
    argv = [*toolchain.compiler, "-shared", "-fPIC", "-O2", "-s", "-std=c++17", "-fvisibility=hidden", "-w"]
    argv += [f"-I{work / name}" for name in includes]
    argv += [str(work / "ric/src/rapid-client.cc"), f"-L{work / 'out/lib'}", "-laws-lambda-runtime", "-lcurl", "-lrt"]
    run([*argv, *toolchain.link, "-o", str(built)], env=toolchain.env)
    return built
