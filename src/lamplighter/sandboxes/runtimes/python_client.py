"""awslambdaric, AWS's runtime interface client for Python, unmodified, at /var/runtime.

Everything is compiled beforehand: the runtime is read-only, so Python could not keep what it compiles at start.
Must not know where the interpreter comes from.
"""

import shutil
from pathlib import Path

from lamplighter.sandboxes.runtimes.fetch import install_python_packages, run
from lamplighter.sandboxes.runtimes.identifiers import Identifier

CLIENT = "awslambdaric"
CLIENT_VERSION = "4.2.2"
# boto3 belongs to AWS's Python runtimes, so functions expect to import it.
DEFAULT_PACKAGES = ("boto3>=1.40,<2",)
BOOT = Path(__file__).parent / "boot"


def install_python_client(identifier: Identifier, root: Path, cache: Path, packages: tuple[str, ...]) -> None:
    target = root / "var/runtime"
    requirements = (f"{CLIENT}=={CLIENT_VERSION}", *packages)
    install_python_packages(requirements, identifier.version, target, cache)
    shutil.rmtree(target / "bin", ignore_errors=True)
    shutil.copyfile(BOOT / "bootstrap.py", target / "bootstrap.py")


def compile_python(interpreter: list[str], root: Path, directory: Path, env: dict[str, str] | None = None) -> None:
    """Compile `directory` with the runtime's own interpreter; tracebacks name the paths inside the sandbox.

    Unchecked: the files can never change, so Python need not even look at their times.
    """
    arguments = ["-m", "compileall", "-q", "-s", str(root), "-p", "/", "--invalidation-mode", "unchecked-hash"]
    run([*interpreter, *arguments, str(directory)], env=env)


def python_argv(identifier: Identifier) -> tuple[str, ...]:
    return (f"/var/lang/bin/python{identifier.version}", "/var/runtime/bootstrap.py")
