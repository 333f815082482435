"""Lambda's runtime identifiers: which family and version each names, and the environment its runtime sets.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html and .../configuration-envvars.html. Pure;
must not know what is installed on this machine, nor which variables depend on a function.
"""

import re
from dataclasses import dataclass

_PATTERNS = (
    ("python", re.compile(r"python(3\.\d{1,2})")),
    ("nodejs", re.compile(r"nodejs(\d{2})\.x")),
    ("ruby", re.compile(r"ruby(3\.\d)")),
    ("java", re.compile(r"java(\d{2})")),
    ("dotnet", re.compile(r"dotnet(\d{1,2})")),
    ("provided", re.compile(r"provided\.(al2|al2023)")),
)


@dataclass(frozen=True, slots=True)
class Identifier:
    """`python3.12` is family `python`, version `3.12`."""

    name: str
    family: str
    version: str


class UnknownIdentifier(ValueError):
    """The name is none of Lambda's runtime identifiers."""


def parse_identifier(name: str) -> Identifier:
    for family, pattern in _PATTERNS:
        match = pattern.fullmatch(name)
        if match:
            return Identifier(name, family, match[1])
    raise UnknownIdentifier(
        f"{name!r} is not a runtime identifier of Lambda, such as python3.12, nodejs22.x or provided.al2023"
    )


_LIBRARIES = ("/lib64", "/usr/lib64", "/var/runtime", "/var/runtime/lib", "/var/task", "/var/task/lib", "/opt/lib")


def runtime_environment(identifier: Identifier) -> dict[str, str]:
    """The variables that the runtime itself sets, with AWS's values."""
    every = {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
    }
    if identifier.family == "provided":
        return every | {
            "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
            "LD_LIBRARY_PATH": ":".join(_LIBRARIES),
        }
    return (
        every
        | {
            "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
            "LD_LIBRARY_PATH": ":".join(("/var/lang/lib", *_LIBRARIES)),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{identifier.name}",
        }
        | _search_path(identifier)
    )


def _search_path(identifier: Identifier) -> dict[str, str]:
    if identifier.family == "python":
        return {"PYTHONPATH": "/var/runtime"}
    if identifier.family == "nodejs":
        major = identifier.version
        return {
            "NODE_PATH": f"/opt/nodejs/node{major}/node_modules:/opt/nodejs/node_modules:"
            "/var/runtime/node_modules:/var/runtime:/var/task"
        }
    if identifier.family == "ruby":
        api = f"{identifier.version}.0"
        return {
            "GEM_PATH": f"/var/task/vendor/bundle/ruby/{api}:/opt/ruby/gems/{api}:/var/runtime/ruby/{api}",
            "RUBYLIB": "/var/task:/var/runtime/lib:/opt/ruby/lib",
        }
    return {}
