"""The spawner: a tiny single-threaded process that holds the privileges sandboxes need, and does nothing else.

It keeps a few *blanks* ready (launchers in their cgroups and namespaces that wait for a plan), hands one to each start
request, reaps what ends and removes its cgroups. Server and sandbox then talk directly; plans and environment
variables never pass through here. It ends, with every sandbox, when the server's socket closes.

Few imports: its memory and start time are part of the server's. It must not know what a function is.
"""

# pathlib is too heavy for the spawner
# ruff: noqa: PTH123

import os
import select
import signal
import socket
import sys
import time

from lamplighter.sandboxes.cgroups import Cgroup
from lamplighter.sandboxes.namespaces.janitor import number_of, remove_left_overs, take_lock, tree_of
from lamplighter.sandboxes.namespaces.messages import pack, receive, send

_FIRST_HOST_ID = 1_500_000_000  # above what distributions hand out, below 2**31
_RANGES = 4_096
_IDS_PER_RANGE = 131_072
_REFILL_AFTER_SECONDS = 0.003
_RETRY_SECONDS = 0.005


class Box:
    """One launcher and its cgroup: a blank until `sandbox_id` is set, then a sandbox."""

    __slots__ = ("birth", "disk", "group", "is_empty", "is_ending", "is_released", "pid", "sandbox_id", "slot")

    def __init__(self, slot: int, group: Cgroup, birth: socket.socket, disk: str) -> None:
        self.slot = slot
        self.group = group
        self.disk = disk  # the image of the /tmp that it has prepared
        self.birth: socket.socket | None = birth
        self.pid = 0  # of its pid 1, once it is born
        self.sandbox_id = ""
        self.is_ending = False  # its end is decided
        self.is_empty = False  # its end has come
        self.is_released = False  # the server will not look at its cgroup again

    def adopt(self, descriptors: list[int]) -> None:
        """Give the launcher the server's control socket and the output pipe; a plan waits in the socket."""
        if self.birth is None:
            raise BrokenPipeError(0, "the blank ended before it was used")
        send(self.birth, pack("adopt"), descriptors)

    @property
    def is_blank(self) -> bool:
        return not self.sandbox_id and not self.is_ending


class Spawner:
    """The loop. Everything happens on one thread, in the order in which it arrives."""

    def __init__(self, server: socket.socket, launcher: str, state_dir: str, disk: str, blanks: int) -> None:
        self._server = server
        self._launcher = launcher
        self._wanted_blanks = {disk: blanks}  # by disk image: the usual one, and the other one asked for last
        self._disk = disk
        self._is_root = os.geteuid() == 0
        self._first_id = _FIRST_HOST_ID + number_of(state_dir) % _RANGES * _IDS_PER_RANGE
        self._tree = tree_of(state_dir)
        self._poll = select.epoll()
        self._boxes: dict[int, Box] = {}  # by slot
        self._by_birth: dict[int, Box] = {}
        self._children: dict[int, Box | None] = {}  # by pid; None for an outer process
        self._by_sandbox: dict[str, Box] = {}
        self._strays: set[int] = set()  # reaped before their birth was read
        self._leaving: list[Box] = []  # ended, cgroup not removed yet
        self._out: list[tuple[bytes, list[int]]] = []
        self._refill_at = 0.0
        self._is_failing = False
        self._is_open = True
        self._nursery: socket.socket
        self._nursery_pid = 0
        self._nurseries: set[int] = set()

    # --- the loop -------------------------------------------------------------------------------------------------

    def run(self) -> None:
        remove_left_overs(self._tree)
        wake, woken = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # it ends with the server, never before it
        self._server.setblocking(False)
        self._poll.register(self._server, select.EPOLLIN)
        self._poll.register(wake, select.EPOLLIN)
        with open("/proc/self/mounts", "rb") as mounts:
            self._poll.register(mounts, select.EPOLLPRI)
            self._open_nursery()
            self._refill_at = time.monotonic()
            self._say(pack("ready", *self._tree.described()))
            while self._is_open:
                for fd, _events in self._poll.poll(self._timeout()):
                    self._handle(fd, wake, mounts.fileno())
                self._tidy()
        self._end_all()

    def _handle(self, fd: int, wake: socket.socket, mounts_fd: int) -> None:
        if fd == self._server.fileno():
            self._serve()
        elif fd == wake.fileno():
            wake.recv(4096)
            self._reap()
        elif fd == mounts_fd:
            self._renew_blanks()
        elif fd in self._by_birth:
            self._read_birth(self._by_birth[fd])

    def _timeout(self) -> float | None:
        refill = max(0.0, self._refill_at - time.monotonic()) if self._refill_at else None
        if self._leaving:
            return _RETRY_SECONDS if refill is None else min(refill, _RETRY_SECONDS)
        return refill

    def _tidy(self) -> None:
        self._tidy_leaving()
        if self._refill_at and time.monotonic() >= self._refill_at:
            self._refill_at = 0.0
            for disk, wanted in self._wanted_blanks.items():
                idle = sum(1 for box in self._boxes.values() if box.is_blank and box.disk == disk)
                for _ in range(wanted - idle):
                    self._make_blank(disk)

    # --- messages of the server -----------------------------------------------------------------------------------

    def _serve(self) -> None:
        self._flush()
        while True:
            try:
                got = receive(self._server)
            except BlockingIOError:
                return
            if got is None:
                self._is_open = False
                return
            fields, descriptors = got
            if fields[0] == "start":
                self._start(fields[1], int(fields[2]), int(fields[3]), fields[4], descriptors)
            elif fields[0] == "kill":
                self._kill(fields[1])

    def _start(self, sandbox_id: str, memory_bytes: int, processes: int, disk: str, descriptors: list[int]) -> None:
        box = None
        try:
            box = self._take_blank(disk) or self._make_blank(disk)
            if disk != self._disk:
                self._wanted_blanks = {self._disk: self._wanted_blanks[self._disk], disk: 1}
            box.group.limit(memory_bytes=memory_bytes, processes=processes)
            files = box.group.open_files()
            box.adopt(descriptors)
        except OSError as error:
            if box is not None:
                self._end(box)
            self._say(pack("failed", sandbox_id, f"{error.strerror}: {error.filename or 'sandbox'}"))
        else:
            box.sandbox_id = sandbox_id
            self._by_sandbox[sandbox_id] = box
            self._say(pack("started", sandbox_id, *files), list(files.values()))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        # Soon, but after this start: whoever waits now comes first. Never put off by the next start.
        self._refill_at = self._refill_at or time.monotonic() + _REFILL_AFTER_SECONDS

    def _kill(self, sandbox_id: str) -> None:
        box = self._by_sandbox.get(sandbox_id)
        if box is None:
            self._say(pack("gone", sandbox_id))
        else:
            self._end(box)

    def _say(self, message: bytes, descriptors: list[int] | None = None) -> None:
        self._out.append((message, descriptors or []))
        self._flush()

    def _flush(self) -> None:
        while self._out:
            message, descriptors = self._out[0]
            try:
                send(self._server, message, descriptors)
            except BlockingIOError:
                self._poll.modify(self._server, select.EPOLLIN | select.EPOLLOUT)
                return
            except OSError:
                self._is_open = False
                self._out.clear()
                return
            del self._out[0]
            for descriptor in descriptors:
                os.close(descriptor)
        self._poll.modify(self._server, select.EPOLLIN)

    # --- blanks ---------------------------------------------------------------------------------------------------

    def _take_blank(self, disk: str) -> Box | None:
        """One with this /tmp, if there is one; any other makes the disk while it is being built."""
        ready = [box for box in self._boxes.values() if box.is_blank and box.pid and box.birth is not None]
        return next((box for box in ready if box.disk == disk), ready[0] if ready else None)

    def _make_blank(self, disk: str) -> Box:
        slot = next(number for number in range(_IDS_PER_RANGE // 2) if number not in self._boxes)
        group = self._tree.create(f"s{slot}")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            ours.setblocking(False)
            mode = "root" if self._is_root else "user"
            order = pack(mode, self._first_id + 2 * slot, disk, group.unified or "-", *group.attach_files)
            self._order(order, theirs.fileno())
        box = Box(slot, group, ours, disk)
        self._boxes[slot] = box
        self._by_birth[ours.fileno()] = box
        self._poll.register(ours, select.EPOLLIN)
        return box

    def _order(self, order: bytes, birth: int) -> None:
        try:
            send(self._nursery, order, [birth])
        except (BrokenPipeError, ConnectionResetError):  # it was killed; its end has not been reported yet
            self._nursery.close()
            self._open_nursery()
            send(self._nursery, order, [birth])

    def _open_nursery(self) -> None:
        self._nursery, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            os.set_inheritable(theirs.fileno(), True)
            arguments = [self._launcher, "nursery", str(theirs.fileno())]
            self._nursery_pid = os.posix_spawn(self._launcher, arguments, {})
            self._nurseries.add(self._nursery_pid)

    def _read_birth(self, box: Box) -> None:
        while box.birth is not None:
            try:
                got = receive(box.birth)
            except BlockingIOError:
                return
            kind, text = got[0][:2] if got is not None else ("", "")
            if kind == "":
                self._forget_birth(box)
                if not box.pid:
                    self._ended(box)  # there never was, and never will be, a pid 1
            elif kind == "outer":
                self._meet(int(text), None)
            elif kind == "born":
                box.pid = int(text)
                self._meet(box.pid, box)
            elif kind == "failed":
                self._fail(box, text)
            elif kind == "blank":
                self._is_failing = False

    def _meet(self, pid: int, box: Box | None) -> None:
        """A child that we did not start ourselves has told its pid; it may have been reaped already."""
        is_stray = pid in self._strays
        self._strays.discard(pid)
        if not is_stray:
            self._children[pid] = box
        if box is not None and is_stray:
            self._ended(box)
        elif box is not None and box.is_ending:
            self._end(box)  # it was being born when its end was decided

    def _fail(self, box: Box, text: str) -> None:
        if box.sandbox_id:
            self._say(pack("failed", box.sandbox_id, text))
        elif not self._is_failing:
            self._is_failing = True
            self._say(pack("trouble", text))

    def _forget_birth(self, box: Box) -> None:
        if box.birth is not None:
            self._poll.unregister(box.birth)
            del self._by_birth[box.birth.fileno()]
            box.birth.close()
            box.birth = None

    def _renew_blanks(self) -> None:
        """Something was mounted on the machine: blanks hold the view from before."""
        for box in list(self._boxes.values()):
            if box.is_blank:
                self._end(box)
        self._refill_at = time.monotonic() + _REFILL_AFTER_SECONDS

    # --- endings --------------------------------------------------------------------------------------------------

    def _reap(self) -> None:
        while True:
            try:
                pid, _status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._nurseries:
                self._nurseries.discard(pid)
                if pid == self._nursery_pid:
                    self._nursery.close()
                    self._open_nursery()
            elif pid in self._children:
                box = self._children.pop(pid)
                if box is not None:
                    self._ended(box)
            else:
                self._strays.add(pid)

    def _ended(self, box: Box) -> None:
        """Nothing runs in it any more. A sandbox keeps its cgroup until the server, which may read it, lets it go."""
        box.is_ending = True
        box.is_empty = True
        self._forget_birth(box)
        if not box.sandbox_id or box.is_released:
            self._remove(box)

    def _remove(self, box: Box) -> None:
        if not self._is_removed(box):
            self._leaving.append(box)

    def _is_removed(self, box: Box) -> bool:
        if not box.group.remove():
            return False
        del self._boxes[box.slot]
        if box.sandbox_id:
            del self._by_sandbox[box.sandbox_id]
            self._say(pack("gone", box.sandbox_id))
        return True

    def _end(self, box: Box) -> None:
        """SIGKILL to pid 1 of the sandbox: the kernel ends all others. Only our own unreaped children are hit.

        A launcher that is still being born is left to finish: killed half-way, it could leave a pid 1 unknown.
        Its report ends it.
        """
        box.is_ending = True
        box.is_released = True
        if box.pid in self._children:
            os.kill(box.pid, signal.SIGKILL)
            box.group.thaw()
        elif box.is_empty and box not in self._leaving:
            self._remove(box)

    def _end_all(self) -> None:
        for box in list(self._boxes.values()):
            self._end(box)
        self._nursery_pid = 0  # its death is no surprise any more
        self._nursery.close()
        deadline = time.monotonic() + 10.0
        while self._boxes and time.monotonic() < deadline:
            for box in list(self._by_birth.values()):
                self._read_birth(box)
            self._reap()
            self._tidy_leaving()
            time.sleep(0.001)
        remove_left_overs(self._tree)
        self._tree.remove()

    def _tidy_leaving(self) -> None:
        self._leaving = [box for box in self._leaving if not self._is_removed(box)]


def main(arguments: list[str]) -> None:
    """`spawner SOCKET_FD LAUNCHER STATE_DIR DISK_IMAGE|- BLANKS`, started by SpawnerClient."""
    fd, launcher, state_dir, disk, blanks = arguments
    server = socket.socket(fileno=int(fd))
    os.setsid()
    os.chdir("/")
    try:
        lock = take_lock(state_dir)
    except OSError:
        send(server, pack("refused", f"another lamplighter is using {state_dir}"))
        return
    try:
        Spawner(server, launcher, state_dir, disk, int(blanks)).run()
    finally:
        os.close(lock)


if __name__ == "__main__":
    main(sys.argv[1:])
