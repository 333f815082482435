"""Which texts are event patterns.

Facts: LocalStack's recordings of what EventBridge accepts and refuses (Apache-2.0), among them the files
content_*_EXC, arrays_empty_EXC, int_nolist_EXC, operator_case_sensitive_EXC.
"""

import json
from typing import Any

import pytest

from lamplighter.resources.event_patterns.syntax import PatternRefused, read_pattern

LEAVES: list[Any] = [
    "value",
    12,
    None,
    True,
    {"prefix": "a"},
    {"prefix": {"equals-ignore-case": "EventB"}},
    {"suffix": ""},
    {"equals-ignore-case": ""},
    {"wildcard": "a*b*"},
    {"anything-but": "a"},
    {"anything-but": ["a", "b"]},
    {"anything-but": [1, 2]},
    {"anything-but": {"prefix": ["a", "b"]}},
    {"anything-but": {"equals-ignore-case": ["a"]}},
    {"anything-but": {"wildcard": "*.png"}},
    {"numeric": ["=", 5]},
    {"numeric": [">", 0, "<=", 5.5]},
    {"cidr": "10.0.0.0/24"},
    {"cidr": "2001:db8:1234:1a00::/64"},
    {"exists": False},
]
REFUSED: list[Any] = [
    ["list"],
    {"anything-but": {"equals-ignore-case": 123}},
    {"anything-but": {"equals-ignore-case": [123, 456]}},
    {"anything-but": ["stopped", None]},
    {"anything-but": ["stopped", 1]},
    {"anything-but": {"prefix": ""}},
    {"anything-but": {"prefix": 123}},
    {"anything-but": {"suffix": {"equals-ignore-case": ".png"}}},
    {"anything-but": {"wildcard": [123, "*/dir/*"]}},
    {"equals-ignore-case": ["text"]},
    {"equals-ignore-case": {"prefix": "ec2"}},
    {"cidr": "bad-filter"},
    {"cidr": "xx.11.xx/8"},
    {"cidr": 8},
    {"numeric": [">", 0, ">", 0]},
    {"numeric": [">", 0, "<"]},
    {"numeric": [">", "0"]},
    {"NUMERIC": ["=", 5]},
    {"prefix": 123},
    {"suffix": [".png"]},
    {"wildcard": 123},
    {"wildcard": "a**b"},
    {"EXISTS": True},
    {"exists": "true"},
    {"prefix": "a", "suffix": "b"},
    {},
]


@pytest.mark.parametrize("leaf", LEAVES, ids=json.dumps)
def test_what_a_list_may_hold(leaf: Any) -> None:
    pattern = {"detail": {"state": ["other", leaf]}}

    assert read_pattern(json.dumps(pattern)) == pattern


@pytest.mark.parametrize("leaf", REFUSED, ids=json.dumps)
def test_what_a_list_may_not_hold(leaf: Any) -> None:
    with pytest.raises(PatternRefused):
        read_pattern(json.dumps({"detail": {"state": [leaf]}}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "asdf",
        "null",
        "12",
        '"text"',
        "[]",
        "{}",
        '{"a": {}}',
        '{"a": []}',
        '{"a": 42}',
        '{"a": "b"}',
        '{"a": null}',
    ],
)
def test_what_is_no_pattern_at_all(text: str) -> None:
    with pytest.raises(PatternRefused):
        read_pattern(text)


def test_alternatives_are_patterns_themselves() -> None:
    read_pattern('{"$or": [{"a": [1]}, {"b": {"c": [{"exists": true}]}}]}')
    read_pattern('{"$or": ["an ordinary field"]}')
    with pytest.raises(PatternRefused):
        read_pattern('{"$or": [{"a": 1}, {"b": [2]}]}')
