"""What callers and logs are told when a function cannot start, dies, hangs or says too much.

Payloads: recorded on AWS on 2025-11-24 and -25 (LocalStack's snapshots, Apache-2.0). Log lines: AWS's documentation of
the execution environment's lifecycle and REPORT lines published in 2025 and 2026.
"""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from lamplighter.invocation.request import InvokeResult
from tests.e2e.function_house import FunctionHouse, is_root, open_house

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]


def error_of(result: InvokeResult) -> dict[str, Any]:
    assert result.status_code == 200
    assert result.function_error == "Unhandled"
    payload: dict[str, Any] = json.loads(result.payload)
    return payload


def request_id_of(result: InvokeResult) -> str:
    found = re.search(r"END RequestId: (\S+)", tail_of(result))
    assert found is not None
    return found[1]


def tail_of(result: InvokeResult) -> str:
    assert result.log_tail is not None
    return result.log_tail.decode()


async def answers(house: FunctionHouse, code: str, payload: Any = None, **members: Any) -> InvokeResult:
    house.deploy({"index.py": code}, **members)
    return await house.invoke(payload)


async def test_a_handler_that_raises_is_reported_by_the_runtime_and_the_environment_lives_on(tmp_path: Path) -> None:
    code = (
        "calls = 0\ndef handler(e, c):\n    global calls\n    calls += 1\n"
        "    if e: raise Exception('Handler fails')\n    return calls\n"
    )
    async with open_house(tmp_path) as house:
        result = await answers(house, code, payload=True)
        error = error_of(result)
        assert (error["errorMessage"], error["errorType"]) == ("Handler fails", "Exception")
        assert error["requestId"] == request_id_of(result)
        assert "[ERROR] Exception: Handler fails\nTraceback (most recent call last):\n" in tail_of(result)
        assert "Status:" not in tail_of(result)

        assert (await house.invoke(0)).payload == b"2"


async def test_a_module_that_raises_is_tried_twice_and_reported_with_its_own_error(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        result = await answers(house, "print('once')\nraise Exception('Runtime startup fails')\n")
        error = error_of(result)
        assert (error["errorMessage"], error["errorType"]) == ("Runtime startup fails", "Exception")
        assert error["requestId"] == ""
        tail = tail_of(result)
        lines = [
            line
            for line in tail.splitlines()
            if not line.startswith((" ", "\xa0", "Traceback", "[ERROR]", "[WARNING]"))
        ]
        patterns = [
            r"once",
            r"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: error\tError Type: Runtime.Unknown",
            r"once",
            r"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\tStatus: error\tError Type: Runtime.Unknown",
            r"START RequestId: \S+ Version: \$LATEST",
            r"END RequestId: \S+",
            r"REPORT RequestId: \S+\tDuration: [\d.]+ ms\t.*\tStatus: error\tError Type: Runtime.Unknown",
        ]
        assert len(lines) == len(patterns), lines
        for pattern, line in zip(patterns, lines, strict=True):
            assert re.fullmatch(pattern, line), line


@pytest.mark.parametrize(
    ("files", "handler", "error_type", "message"),
    [
        ({"other.py": ""}, "index.handler", "Runtime.ImportModuleError", "Unable to import module 'index': "),
        ({"index.py": "x = 1"}, "index.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module "),
        ({"index.py": "def ("}, "index.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'index': "),
        ({"index.py": ""}, "nodots", "Runtime.MalformedHandlerName", "Bad handler 'nodots': "),
    ],
)
async def test_a_function_that_cannot_be_loaded_has_the_runtime_clients_own_error(
    tmp_path: Path, files: dict[str, str], handler: str, error_type: str, message: str
) -> None:
    async with open_house(tmp_path) as house:
        house.deploy(files, handler=handler)
        result = await house.invoke()
        error = error_of(result)
        assert error["errorType"] == error_type
        assert error["errorMessage"].startswith(message)


async def test_a_failed_init_is_healed_by_its_retry(tmp_path: Path) -> None:
    """The retry belongs to the invoke: no Init Duration in its REPORT, its time is part of the duration."""
    code = (
        "import os, sys, time\n"
        "age = time.time() - os.stat('/var/task/mark').st_mtime\n"
        "if age < 2: time.sleep(2.05 - age); sys.exit(7)\n"
        "time.sleep(0.2)\ndef handler(e, c): return 'well'\n"
    )
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": code, "mark": ""})
        result = await house.invoke()
        assert result.function_error is None
        assert result.payload == b'"well"'
        tail = tail_of(result)
        assert re.search(r"INIT_REPORT .*Phase: init\tStatus: error\tError Type: Runtime.ExitError\n", tail)
        report = re.search(r"REPORT .*Duration: ([\d.]+) ms\tBilled", tail)
        assert report is not None
        assert float(report[1]) > 200
        assert "Init Duration" not in tail[tail.index("START") :]

        assert (await house.invoke()).payload == b'"well"'


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("sys.exit(0)", "Runtime exited without providing a reason"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os._exit(42)", "Runtime exited with error: exit status 42"),
        ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
        ("os.kill(os.getpid(), 15)", "Runtime exited with error: signal: terminated"),
    ],
)
async def test_a_runtime_that_ends_in_an_invoke_is_named_with_how_it_ended(
    tmp_path: Path, statement: str, message: str
) -> None:
    code = f"import os, sys\ndef handler(e, c):\n    print('last words')\n    {statement}\n"
    async with open_house(tmp_path) as house:
        result = await answers(house, code)
        request_id = request_id_of(result)
        assert error_of(result) == {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: {request_id} Error: {message}",
        }
        tail = tail_of(result)
        assert "last words\n" in tail
        assert tail.endswith(" ms\tStatus: error\tError Type: Runtime.ExitError\n")

        # The next invoke gets a new environment.
        assert error_of(await house.invoke())["errorType"] == "Runtime.ExitError"


async def test_a_runtime_that_exits_in_init_is_named_with_how_it_ended(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        result = await answers(house, "import os\nos._exit(3)\n")
        expected = f"RequestId: {request_id_of(result)} Error: Runtime exited with error: exit status 3"
        assert error_of(result) == {"errorType": "Runtime.ExitError", "errorMessage": expected}
        assert tail_of(result).count("INIT_REPORT") == 2


async def test_a_timeout_is_exact_and_kills_the_environment(tmp_path: Path) -> None:
    code = (
        "import time\ncalls = 0\ndef handler(e, c):\n    global calls\n    calls += 1\n    print('begun')\n"
        "    while e: pass\n    return calls\n"
    )
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": code}, timeout=1)
        assert (await house.invoke(0)).payload == b"1"
        begun = time.monotonic()
        result = await house.invoke(1)
        assert 0.999 <= time.monotonic() - begun < 1.1
        request_id = request_id_of(result)
        assert error_of(result) == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
        }
        assert re.fullmatch(
            rf"START RequestId: {request_id} Version: \$LATEST\nbegun\nEND RequestId: {request_id}\n"
            rf"REPORT RequestId: {request_id}\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\tMemory Size: 128 MB\t"
            r"Max Memory Used: \d+ MB\tStatus: timeout\n",
            tail_of(result),
        )
        assert (await house.invoke(0)).payload == b"1"


async def test_an_init_that_outlasts_its_retry_times_out_with_the_functions_timeout(tmp_path: Path) -> None:
    from lamplighter.environments.pools import EnvironmentPools  # only here with a shorter init limit
    from lamplighter.kernel.limits import Limits

    async with open_house(tmp_path) as house:
        platform = house.pools._platform
        object.__setattr__(platform, "limits", Limits(init_timeout_seconds=0.3))
        assert isinstance(house.pools, EnvironmentPools)
        result = await answers(house, "import time\ntime.sleep(30)\n", timeout=1)
        assert error_of(result) == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": f"RequestId: {request_id_of(result)} Error: Task timed out after 1.00 seconds",
        }
        tail = tail_of(result)
        assert re.search(r"INIT_REPORT Init Duration: 3\d\d\.\d\d ms\tPhase: init\tStatus: timeout\n", tail)
        assert re.search(r"REPORT RequestId: \S+\tDuration: 1000.00 ms\t.*Status: timeout\n", tail)


async def test_a_function_that_takes_more_memory_than_it_has_is_out_of_memory(tmp_path: Path) -> None:
    code = "def handler(e, c):\n    held = bytearray(600 * 1024 * 1024)\n    return len(held)\n"
    async with open_house(tmp_path) as house:
        result = await answers(house, code, timeout=20)
        assert error_of(result) == {
            "errorType": "Runtime.OutOfMemory",
            "errorMessage": f"RequestId: {request_id_of(result)} Error: Runtime exited with error: signal: killed",
        }
        found = re.search(r"Max Memory Used: (\d+) MB", tail_of(result))
        assert found is not None
        assert int(found[1]) == 128
        assert tail_of(result).endswith("\tStatus: error\tError Type: Runtime.OutOfMemory\n")


async def test_a_response_of_six_megabytes_passes_and_a_larger_one_is_refused(tmp_path: Path) -> None:
    code = "def handler(e, c): return 'x' * e\n"
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": code}, memory_size=512, timeout=20)
        largest = 6 * 1024 * 1024 + 100 - 2
        result = await house.invoke(largest)
        assert result.function_error is None
        assert len(result.payload) == largest + 2

        for _ in range(2):
            result = await house.invoke(largest + 1)
            assert error_of(result) == {
                "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
                "errorType": "Function.ResponseSizeTooLarge",
            }
        assert (await house.invoke(1)).payload == b'"x"'


@pytest.mark.parametrize(
    ("files", "error_type", "message"),
    [
        (
            {"x": ""},
            "Runtime.InvalidEntrypoint",
            "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
        ),
        ({"bootstrap": "\x00\x01"}, "Runtime.InvalidEntrypoint", "fork/exec /var/task/bootstrap: exec format error"),
        (
            {"bootstrap": "#!/no/such/shell\n"},
            "Runtime.InvalidEntrypoint",
            "fork/exec /var/task/bootstrap: no such file or directory",
        ),
        ({"bootstrap": "#!/bin/sh\nexit 9\n"}, "Runtime.ExitError", "Runtime exited with error: exit status 9"),
    ],
)
async def test_a_bootstrap_that_cannot_run_is_told_apart(
    tmp_path: Path, files: dict[str, str], error_type: str, message: str
) -> None:
    async with open_house(tmp_path, runtimes=("provided.al2023",)) as house:
        house.deploy(files, runtime="provided.al2023")
        result = await house.invoke()
        expected = f"RequestId: {request_id_of(result)} Error: {message}"
        assert error_of(result) == {"errorType": error_type, "errorMessage": expected}


async def test_a_bootstrap_without_the_executable_bit_is_refused(tmp_path: Path) -> None:
    async with open_house(tmp_path, runtimes=("provided.al2023",)) as house:
        configuration = house.deploy({"bootstrap": "#!/bin/sh\n"}, runtime="provided.al2023")
        (house.directory / configuration.code.digest / "bootstrap").chmod(0o644)
        error = error_of(await house.invoke())
        assert error["errorType"] == "Runtime.InvalidEntrypoint"
        assert error["errorMessage"].endswith(" Error: fork/exec /var/task/bootstrap: permission denied")


async def test_a_wrapper_runs_in_front_of_the_runtime_and_a_missing_one_is_exit_status_127(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        files = {
            "index.py": "import os\ndef handler(e, c): return os.environ['WRAPPED']\n",
            "wrap": '#!/bin/sh\nexport WRAPPED=yes\nexec "$@"\n',
        }
        house.deploy(files, environment={"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrap"})
        assert (await house.invoke()).payload == b'"yes"'

        house.deploy(files, environment={"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/none"})
        error = error_of(await house.invoke())
        assert error["errorType"] == "Runtime.ExitError"
        assert error["errorMessage"].endswith(" Error: Runtime exited with error: exit status 127")
