"""Shared file systems: which directory of this machine stands for which EFS or S3 Files access point.

The operator fills the table; an access point that is not in it cannot be mounted. A directory is looked at before each
mount, because it may be a network mount that has gone. Must not know functions nor AWS's words for failures.
"""

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from lamplighter.sandboxes.sandbox import Bind

# Lambda's own ids: whose the files of a function are where neither the table nor the directory says otherwise.
FUNCTION_UID = 993
FUNCTION_GID = 990
_LARGEST_ID = 2**32 - 2
_MOUNT_SECONDS = 10.0
_PLACEHOLDER = "{access_point}"
_MEMBERS = frozenset({"directory", "read_only", "uid", "gid"})
_UNREACHABLE = frozenset(
    {errno.ESTALE, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOTCONN, errno.ECONNREFUSED}
    | {errno.ECONNRESET, errno.ECONNABORTED, errno.ESHUTDOWN, errno.EREMOTEIO}
)


@dataclass(frozen=True, slots=True)
class SharedDirectory:
    """One entry of the table. `{access_point}` in `directory` stands for the access point's id.

    What functions write belongs to `uid` and `gid` on the disk; None: to whoever owns the directory, never to root.
    """

    directory: str
    is_read_only: bool = False
    uid: int | None = None
    gid: int | None = None


# By access point ARN, or by the beginning of one with a '*' after it.
FileSystemTable = Mapping[str, SharedDirectory]


class Trouble(Enum):
    """Why a file system cannot be mounted."""

    CONFIGURATION = "configuration"
    CONNECTIVITY = "connectivity"
    TIMEOUT = "timeout"
    IO = "io"


class FileSystemFailed(Exception):
    """A file system cannot be mounted; `trouble` says in which way, the message what to look at."""

    def __init__(self, arn: str, trouble: Trouble, reason: str) -> None:
        super().__init__(f"{arn}: {reason}")
        self.arn = arn
        self.trouble = trouble


class FileSystems:
    """Finds the directory of an access point and makes sure that it is there."""

    def __init__(self, table: FileSystemTable, *, mount_seconds: float = _MOUNT_SECONDS) -> None:
        self._table = table
        self._mount_seconds = mount_seconds
        self._looking: dict[str, asyncio.Future[os.stat_result]] = {}

    async def bind(self, arn: str, target: str) -> Bind:
        """The mount of the access point at `target`. Raises FileSystemFailed."""
        entry = find_entry(self._table, arn)
        if entry is None:
            reason = "no entry of file_systems in the server's configuration matches it"
            raise FileSystemFailed(arn, Trouble.CONFIGURATION, reason)
        if not is_mount_point(target):
            raise FileSystemFailed(arn, Trouble.CONFIGURATION, f"{target} is no place below /mnt")
        directory = entry.directory.replace(_PLACEHOLDER, arn.rpartition("/")[2])
        try:
            found = await asyncio.wait_for(asyncio.shield(self._look(directory)), self._mount_seconds)
        except TimeoutError as error:
            raise FileSystemFailed(arn, Trouble.TIMEOUT, f"{directory} did not answer in time") from error
        except OSError as error:
            raise FileSystemFailed(arn, trouble_of(error.errno or 0), f"{directory}: {error.strerror}") from error
        return Bind(Path(directory), target, writable=not entry.is_read_only, owner=owner_of(entry, found))

    def _look(self, directory: str) -> asyncio.Future[os.stat_result]:
        """One look at a directory at a time, however many wait for it: a dead network mount may hold each for ever."""
        looking = self._looking.get(directory)
        if looking is None:
            looking = self._looking[directory] = asyncio.get_running_loop().create_future()
            looking.add_done_callback(lambda done: (self._looking.pop(directory), done.cancelled() or done.exception()))
            arguments = (directory, looking, asyncio.get_running_loop())
            # Not of the loop's own threads: the end of the server would wait for it.
            threading.Thread(target=_stat, args=arguments, name=f"look at {directory}", daemon=True).start()
        return looking


def _stat(directory: str, told: asyncio.Future[os.stat_result], loop: asyncio.AbstractEventLoop) -> None:
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if str(Path(f"/proc/self/fd/{descriptor}").readlink()) != directory:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))  # a link was put on the way to it
            found = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        _tell(loop, told, told.set_exception, error)
    else:
        _tell(loop, told, told.set_result, found)


def _tell(
    loop: asyncio.AbstractEventLoop, told: asyncio.Future[os.stat_result], tell: Callable[[Any], None], what: Any
) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(lambda: None if told.done() else tell(what))


def find_entry(table: FileSystemTable, arn: str) -> SharedDirectory | None:
    """The entry of exactly this ARN, else the one with the longest matching beginning."""
    if arn in table:
        return table[arn]
    beginnings = [key for key in table if key.endswith("*") and arn.startswith(key[:-1])]
    return table[max(beginnings, key=len)] if beginnings else None


def is_mount_point(target: str) -> bool:
    """AWS's own pattern lets /mnt/. and /mnt/.. through."""
    prefix, _, name = target.rpartition("/")
    return prefix == "/mnt" and name not in {"", ".", ".."}


def owner_of(entry: SharedDirectory, found: os.stat_result) -> tuple[int, int]:
    """The ids that the function's files have on the disk. Root's would make its programs root's on this machine."""
    uid = entry.uid if entry.uid is not None else found.st_uid or FUNCTION_UID
    gid = entry.gid if entry.gid is not None else found.st_gid or FUNCTION_GID
    return uid, gid


def trouble_of(number: int) -> Trouble:
    if number == errno.ETIMEDOUT:
        return Trouble.TIMEOUT
    if number in _UNREACHABLE:
        return Trouble.CONNECTIVITY
    return Trouble.IO if number == errno.EIO else Trouble.CONFIGURATION


# --- the setting


def read_file_systems(value: Any) -> dict[str, SharedDirectory]:
    """The table from the configuration: a TOML table of ARN to directory or of ARN to a table, or text of entries
    ARN=DIRECTORY[,ro][,uid=N][,gid=N] with ';' between them. Raises ValueError.
    """
    entries = _entries_of(value) if isinstance(value, str) else value
    if not isinstance(entries, Mapping):
        raise ValueError("it is a table: an access point's ARN and the directory that stands for it")  # noqa: TRY004  # told as a value
    return {arn: _shared_directory(arn, members) for arn, members in entries.items()}


def _entries_of(text: str) -> dict[str, dict[str, Any]]:
    entries: dict[str, dict[str, Any]] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        arn, equals, rest = part.partition("=")
        directory, *options = rest.split(",")
        if not equals:
            raise ValueError(f"{part} is not ARN=DIRECTORY")
        members: dict[str, Any] = {"directory": directory}
        for option in options:
            name, has_value, number = option.partition("=")
            members["read_only" if option == "ro" else name] = number if has_value else True
        entries[arn] = members
    return entries


def _shared_directory(arn: str, given: Any) -> SharedDirectory:
    members = {"directory": given} if isinstance(given, str) else given
    if not arn.startswith("arn:"):
        raise ValueError(f"{arn} is no ARN nor the beginning of one")
    unknown = sorted(set(members) - _MEMBERS)
    if unknown:
        raise ValueError(f"{arn} has {', '.join(unknown)}; known are {', '.join(sorted(_MEMBERS))}")
    directory = str(members.get("directory", ""))
    if not directory.startswith("/") or ".." in Path(directory).parts:
        raise ValueError(f"{arn} needs an absolute directory without '..'")
    is_read_only = members.get("read_only", False)
    if not isinstance(is_read_only, bool):
        raise ValueError(f"read_only of {arn} is true or false")  # noqa: TRY004  # told as a value
    return SharedDirectory(_without_links(directory), is_read_only, _id(arn, "uid", members), _id(arn, "gid", members))


def _without_links(directory: str) -> str:
    """The operator's own links are followed now; a link that appears on the way later is refused by the mount."""
    if _PLACEHOLDER not in directory:
        return os.path.realpath(directory)
    known, _, rest = directory.partition(_PLACEHOLDER)
    base, _, name = known.rpartition("/")
    return f"{os.path.realpath(base or '/').rstrip('/')}/{name}{_PLACEHOLDER}{rest}"


def _id(arn: str, name: str, members: Mapping[str, Any]) -> int | None:
    if name not in members:
        return None
    number = int(members[name])
    if not 0 < number <= _LARGEST_ID:
        raise ValueError(f"{name} of {arn} is a number above 0: what a function writes must not be root's")
    return number
