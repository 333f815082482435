"""Messages between server, spawner and launcher: fields ended by NUL, one message per SOCK_SEQPACKET packet.

Descriptors travel along by SCM_RIGHTS and are closed on exec. The spawner imports this module, so it stays free of
heavy imports. It must not know what a message means.
"""

import socket

MESSAGE_BYTES = 192 * 1024
_INT_BYTES = 4
_MOST_DESCRIPTORS = 16


def pack(*fields: str | bytes | int) -> bytes:
    """One message; a NUL inside a field is refused, because it would end it."""
    encoded = [field if isinstance(field, bytes) else str(field).encode() for field in fields]
    if any(b"\0" in field for field in encoded):
        raise ValueError("a field must not contain NUL")
    message = b"\0".join(encoded) + b"\0"
    if len(message) > MESSAGE_BYTES:
        raise ValueError(f"a message may hold {MESSAGE_BYTES} bytes, not {len(message)}")
    return message


def unpack(message: bytes) -> list[str]:
    """The fields of a message, without the empty text after the last NUL."""
    return message.decode(errors="surrogateescape").split("\0")[:-1]


def send(channel: socket.socket, message: bytes, descriptors: list[int] | None = None) -> None:
    """Send one message; raises BlockingIOError when the socket is full and BrokenPipeError when the peer is gone."""
    ancillary = []
    if descriptors:
        numbers = b"".join(number.to_bytes(_INT_BYTES, "little") for number in descriptors)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)]
    channel.sendmsg([message], ancillary, socket.MSG_NOSIGNAL)


def receive(channel: socket.socket) -> tuple[list[str], list[int]] | None:
    """One message and its descriptors; None at end of file."""
    room = socket.CMSG_SPACE(_INT_BYTES * _MOST_DESCRIPTORS)
    arguments = (MESSAGE_BYTES, room, socket.MSG_CMSG_CLOEXEC)
    try:
        try:
            message, ancillary, _flags, _address = channel.recvmsg(*arguments)
        except ConnectionResetError:  # told once, when the peer left messages unread; its own last ones are still here
            message, ancillary, _flags, _address = channel.recvmsg(*arguments)
    except (ConnectionResetError, BrokenPipeError):
        return None
    descriptors = [
        int.from_bytes(numbers[start : start + _INT_BYTES], "little")
        for level, kind, numbers in ancillary
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS
        for start in range(0, len(numbers) - _INT_BYTES + 1, _INT_BYTES)
    ]
    if not message:
        return None
    return unpack(message), descriptors
