"""The messages between server, spawner and launcher."""

import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.sandboxes.namespaces.messages import MESSAGE_BYTES, pack, receive, send, unpack


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, two:
        yield one, two


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1))
def test_fields_come_back_as_they_were(fields: list[str]) -> None:
    assert unpack(pack(*fields)) == fields


@pytest.mark.parametrize("field", ["a\0b", b"\0"])
def test_a_nul_inside_a_field_is_refused(field: str | bytes) -> None:
    with pytest.raises(ValueError, match="NUL"):
        pack("start", field)


def test_a_message_that_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="may hold"):
        pack("x" * MESSAGE_BYTES)


def test_descriptors_travel_along_and_close_on_exec(ends: tuple[socket.socket, socket.socket]) -> None:
    one, two = ends
    read_end, write_end = os.pipe()
    send(one, pack("adopt", 7), [read_end, write_end])
    got = receive(two)

    assert got is not None
    fields, descriptors = got
    assert fields == ["adopt", "7"]
    assert [os.get_inheritable(descriptor) for descriptor in descriptors] == [False, False]
    os.write(descriptors[1], b"through")
    assert os.read(read_end, 10) == b"through"
    for descriptor in (read_end, write_end, *descriptors):
        os.close(descriptor)


def test_the_end_is_none(ends: tuple[socket.socket, socket.socket]) -> None:
    one, two = ends
    one.close()

    assert receive(two) is None


def test_sending_to_nobody_raises(ends: tuple[socket.socket, socket.socket]) -> None:
    one, two = ends
    two.close()

    with pytest.raises(BrokenPipeError):
        send(one, pack("kill", "s1"))


def test_what_a_peer_said_last_is_read_though_it_left_messages_unread() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        send(ours, pack("never read"))
        send(theirs, pack("failed", "why"))
        theirs.close()

        assert receive(ours) == (["failed", "why"], [])
        assert receive(ours) is None
