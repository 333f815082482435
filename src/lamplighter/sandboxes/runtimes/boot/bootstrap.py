"""Start of a Python runtime: Lambda's module search path, then AWS's runtime interface client, unmodified.

Runs inside the sandbox as `/var/lang/bin/python3.x /var/runtime/bootstrap.py`, the handler in _HANDLER: wrapper scripts
count on Lambda's command line. The function's own packages come first, then layers, then what the runtime brings, so
the function's versions always win.
"""

# ruff: noqa: INP001  # copied into the runtime, never imported by the server
import os
import site
import sys


def set_search_path() -> None:
    code = os.environ.get("LAMBDA_TASK_ROOT", "/var/task")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    first = [code, f"/opt/python/lib/{version}/site-packages", "/opt/python"]
    rest = [path for path in sys.path if path not in first]
    sys.path[:] = first + list(dict.fromkeys(rest))
    for directory in first:
        if os.path.isdir(directory):  # noqa: PTH112  # pathlib costs 3 ms of every cold start
            site.addsitedir(directory, set(sys.path))


if __name__ == "__main__":
    set_search_path()
    from awslambdaric.__main__ import main  # type: ignore[import-not-found]  # only there inside the sandbox

    main([sys.argv[0], *(sys.argv[1:] or [os.environ["_HANDLER"]])])
