"""Lambda's runtime identifiers and the variables that belong to each."""

import pytest

from lamplighter.sandboxes.runtimes.identifiers import (
    Identifier,
    UnknownIdentifier,
    parse_identifier,
    runtime_environment,
)


@pytest.mark.parametrize(
    ("name", "family", "version"),
    [
        ("python3.12", "python", "3.12"),
        ("nodejs22.x", "nodejs", "22"),
        ("ruby3.3", "ruby", "3.3"),
        ("java21", "java", "21"),
        ("dotnet8", "dotnet", "8"),
        ("provided.al2023", "provided", "al2023"),
    ],
)
def test_an_identifier_names_family_and_version(name: str, family: str, version: str) -> None:
    assert parse_identifier(name) == Identifier(name, family, version)


@pytest.mark.parametrize("name", ["", "python", "python4.1", "python3.12 ", "nodejs22", "../python3.12", "provided"])
def test_anything_else_is_refused(name: str) -> None:
    with pytest.raises(UnknownIdentifier):
        parse_identifier(name)


def test_the_runtime_sets_aws_documented_variables() -> None:
    env = runtime_environment(parse_identifier("python3.12"))
    assert env == {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:"
        "/var/task:/var/task/lib:/opt/lib",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "PYTHONPATH": "/var/runtime",
    }


def test_only_managed_runtimes_name_themselves_and_each_has_its_search_path() -> None:
    assert "AWS_EXECUTION_ENV" not in runtime_environment(parse_identifier("provided.al2023"))
    node = runtime_environment(parse_identifier("nodejs22.x"))["NODE_PATH"]
    assert node.startswith("/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules")
    ruby = runtime_environment(parse_identifier("ruby3.3"))["GEM_PATH"]
    assert ruby == "/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0:/var/runtime/ruby/3.3.0"
