"""Ordinary programs under the system call filter: what runs on the host runs inside, where the machine has it."""

# Small files of a test's own may be touched in between.
# ruff: noqa: ASYNC240

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from lamplighter.sandboxes.sandbox import Bind
from tests.live_sandboxes import MIB, PYTHON, House, house, is_root, state_directory

pytestmark = pytest.mark.asyncio(loop_scope="module")

NODE = (
    "const {Worker} = require('worker_threads'); const fs = require('fs'); const {execSync} = require('child_process');"
    "fs.writeFileSync('/tmp/x', 'y'); new Worker('1+1', {eval: true}).on('exit', () =>"
    "require('dns').lookup('localhost', () => console.log('ok', execSync('echo child').toString().trim())))"
)
JAVA = """
import java.util.concurrent.*; import java.nio.file.*;
public class Main { public static void main(String[] a) throws Exception {
  var pool = Executors.newFixedThreadPool(8); var sum = new java.util.concurrent.atomic.LongAdder();
  for (int i = 0; i < 200; i++) pool.submit(() -> { byte[] b = new byte[1 << 20]; sum.add(b.length); });
  pool.shutdown(); pool.awaitTermination(30, TimeUnit.SECONDS); System.gc();
  Files.writeString(Path.of("/tmp/x"), "y"); System.out.println("ok " + sum.sum());
} }
"""
PYTHON_PROGRAM = """
import asyncio, mmap, os, selectors, socket, sqlite3, ssl, subprocess, tempfile, threading
assert subprocess.run(["/bin/echo", "child"], capture_output=True, text=True).stdout == "child\\n"
with tempfile.NamedTemporaryFile() as file: file.write(b"x"); file.flush(); os.fsync(file.fileno())
mmap.mmap(-1, 1 << 20); sqlite3.connect("/tmp/x.db").execute("create table t (x)")
thread = threading.Thread(target=lambda: None); thread.start(); thread.join()
async def main():
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    assert await reader.read() == b""
    writer.close(); server.close()
asyncio.run(main()); ssl.create_default_context(); os.sync(); os.sched_getaffinity(0)
print("ok")
"""
SHELL = "set -e; cd /tmp; for i in 1 2 3; do echo $i; done | sort -r | tr '\\n' ' '; date +%s >x; tar cf y x; echo ok"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cells() -> AsyncIterator[House]:
    if not is_root():
        pytest.skip("needs root")
    with state_directory() as place:
        async with house(await NamespaceDriver.open(place / "state", blanks=1), place) as opened:
            yield opened


async def test_python_with_threads_sockets_children_and_files(cells: House) -> None:
    assert (await cells.run(PYTHON, "-c", PYTHON_PROGRAM))[1] == "ok\n"


async def test_a_shell_with_pipes_and_tools(cells: House) -> None:
    assert (await cells.run("/bin/bash", "-c", SHELL))[1].endswith("3 2 1 ok\n")


async def test_node_with_threads_name_lookup_and_children(cells: House) -> None:
    if not Path("/usr/bin/node").exists():
        pytest.skip("node is not in /usr/bin")
    exit_, output = await cells.run("/usr/bin/node", "-e", NODE, memory=512 * MIB)
    assert (exit_.code, output) == (0, "ok child\n")


async def test_java_with_threads_and_garbage_collection(cells: House) -> None:
    java = shutil.which("java")
    if java is None or not str(Path(java).resolve()).startswith("/usr/"):
        pytest.skip("java is not below /usr")
    (cells.code / "Main.java").write_text(JAVA)
    binds = (
        *cells.spec().binds,
        *(Bind(place, str(place)) for place in (Path("/etc/java-17-openjdk"),) if place.exists()),
    )
    exit_, output = await cells.run(str(Path(java).resolve()), "Main.java", memory=1024 * MIB, binds=binds)
    assert (exit_.code, output) == (0, "ok 209715200\n")


@pytest.mark.parametrize("language", ["ruby", "perl"])
async def test_other_interpreters(cells: House, language: str) -> None:
    program = Path("/usr/bin") / language
    if not program.exists():
        pytest.skip(f"{language} is not in /usr/bin")
    assert (await cells.run(str(program), "-e", "print 'ok'"))[1] == "ok"


async def test_a_static_go_program_with_many_goroutines(cells: House) -> None:
    go = shutil.which("go") or "/usr/local/go/bin/go"
    if not Path(go).exists():
        pytest.skip("go is not installed")
    source = (
        'package main\nimport ("fmt"; "os"; "os/exec"; "sync"; "net")\n'
        "func main() { var g sync.WaitGroup; for i := 0; i < 500; i++ { g.Add(1); go func() { defer g.Done();"
        ' os.WriteFile("/tmp/x", []byte("y"), 0o600) }() }; g.Wait(); net.Listen("tcp", "127.0.0.1:0");'
        ' out, err := exec.Command("/bin/echo", "child").Output(); fmt.Print("ok ", string(out), err) }'
    )
    built = await _build(go, cells.place / "go", source)
    built.rename(cells.code / "program")
    assert (await cells.run("/var/task/program"))[1] == "ok child\n<nil>"


async def _build(go: str, place: Path, source: str) -> Path:
    place.mkdir()
    (place / "main.go").write_text(source)
    env = {**os.environ, "GOCACHE": str(place / "cache"), "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0", "HOME": str(place)}
    process = await asyncio.create_subprocess_exec(go, "build", "-o", "program", "main.go", cwd=place, env=env)
    assert await process.wait() == 0
    return place / "program"
