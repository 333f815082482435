"""Every module says in its first lines what it is for; packages may do so in one line."""

import ast

from tests.style.tree import name_of, parsed, python_files

MOST_LINES = 12


def test_every_module_opens_by_saying_what_it_is_for() -> None:
    silent = [name_of(path) for path in python_files() if not ast.get_docstring(parsed(path))]
    assert silent == []


def test_no_opening_is_longer_than_a_reader_bears() -> None:
    long = {
        name_of(path): len((ast.get_docstring(parsed(path)) or "").splitlines())
        for path in python_files("src")
        if len((ast.get_docstring(parsed(path)) or "").splitlines()) > MOST_LINES
    }
    assert long == {}


def test_no_module_patches_another_one() -> None:
    """Tests use real parts or values passed in; replacing attributes of modules at run time lies too easily."""
    patching = [
        name_of(path)
        for path in python_files("tests")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Import | ast.ImportFrom) and "mock" in (getattr(node, "module", None) or "").split(".")
    ]
    assert patching == []
