"""The lineage of a chain of events: counted per function, read as SDKs hand it on, never trusted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.invocation.lineage import continued, fingerprint

A, B = (fingerprint("000000000000", "us-east-1", name) for name in "ab")


def test_a_function_is_eight_digits_in_every_life_of_the_server() -> None:
    assert A != B
    assert fingerprint("000000000000", "us-east-1", "probe") == "ac1faac5"
    assert fingerprint("000000000000", "us-east-1", "probe") != fingerprint("000000000000", "eu-west-1", "probe")


def test_a_chain_of_one_function_reads_as_awss() -> None:
    first, before = continued("Root=1-a-b;Parent=c;Sampled=1", A)
    assert (first, before) == (f"Root=1-a-b;Parent=c;Sampled=1;Lineage=1:{A}:0", 0)
    assert continued(first, A) == (f"Root=1-a-b;Parent=c;Sampled=1;Lineage=2:{A}:1", 1)


def test_a_loop_of_several_is_counted_for_each() -> None:
    header = "Root=1-a-b"
    counts = []
    for function in (A, B, B, A, B):
        header, before = continued(header, function)
        counts.append(before)
    assert counts == [0, 0, 1, 1, 2]
    assert header == f"Root=1-a-b;Lineage=5:{A}:1,{B}:2"


def test_what_stands_behind_the_lineage_is_kept() -> None:
    assert continued(f"Lineage=1:{A}:0;Root=1-a-b;Self=1-c-d", A)[0] == f"Root=1-a-b;Self=1-c-d;Lineage=2:{A}:1"


def test_a_lineage_that_was_percent_encoded_on_the_way_is_read() -> None:
    assert continued(f"Root=1-a-b;Lineage=3%3A{A}%3A0%2C{B}%3A1", B) == (f"Root=1-a-b;Lineage=4:{A}:0,{B}:2", 2)


def test_a_chain_of_very_many_functions_does_not_grow_for_ever() -> None:
    header = ""
    for number in range(100):
        header, _ = continued(header, f"{number:08x}")
    assert len(header) < 500
    assert continued(header, f"{3:08x}")[1] == 1


@pytest.mark.parametrize("lineage", ["", "1", "1:x:0", f"1:{A}:-1", f"1:{A}", f"x:{A}:3", f"1:{A}:0,", "1:-1234567:0"])
def test_what_is_no_lineage_begins_anew(lineage: str) -> None:
    assert continued(f"Root=1-a-b;Lineage={lineage}", A) == (f"Root=1-a-b;Lineage=1:{A}:0", 0)


@given(st.text(max_size=80))
def test_no_header_harms(received: str) -> None:
    header, before = continued(received, A)
    assert before >= 0
    assert continued(header, A)[1] == before + 1
