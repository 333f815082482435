"""Size alarms: a file over 400 lines or a function over 40 needs a reason by name; 700 and 60 have no exceptions."""

from tests.style.tree import exceptions, functions, name_of, python_files, tracked_files

FILE_ALARM, FILE_LIMIT = 400, 700
FUNCTION_ALARM, FUNCTION_LIMIT = 40, 60
COUNTED = (".py", ".c", ".h", ".sh", ".js")


def _file_lines() -> dict[str, int]:
    counted = [path for path in tracked_files() if path.suffix in COUNTED or name_of(path).startswith("scripts/")]
    return {name_of(path): len(path.read_bytes().splitlines()) for path in counted}


def _function_lines() -> dict[str, int]:
    """Lines of each function's body: from its first statement after the docstring to its end."""
    sizes: dict[str, int] = {}
    for path in python_files():
        for node in functions(path):
            key = f"{name_of(path)}:{node.name}"
            sizes[key] = max(sizes.get(key, 0), (node.end_lineno or node.lineno) - node.lineno + 1)
    return sizes


def test_no_file_is_over_the_limit() -> None:
    assert {name: lines for name, lines in _file_lines().items() if lines > FILE_LIMIT} == {}


def test_every_long_file_has_a_reason() -> None:
    long = {name for name, lines in _file_lines().items() if lines > FILE_ALARM}
    assert long == set(exceptions("file_lines"))


def test_no_function_is_over_the_limit() -> None:
    assert {name: lines for name, lines in _function_lines().items() if lines > FUNCTION_LIMIT} == {}


def test_every_long_function_has_a_reason() -> None:
    long = {name for name, lines in _function_lines().items() if lines > FUNCTION_ALARM}
    assert long == set(exceptions("function_lines"))


def test_the_readme_stays_under_120_lines_and_the_architecture_under_251() -> None:
    files = {name_of(path): path for path in tracked_files()}
    assert len(files["README.md"].read_text().splitlines()) < 120
    assert len(files["ARCHITECTURE.md"].read_text().splitlines()) <= 250
