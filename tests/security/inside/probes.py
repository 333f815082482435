"""What a hostile function would try, one function per attempt: `probes.py NAME [ARGUMENT...]` prints JSON.

Runs inside a sandbox, and bare on the host as the control. An attempt returns None when it got through; an OSError
becomes its errno. Standard library only. Harmless when it succeeds: every effect is on the probe's own process, on a
file it was given, or refused for another reason (a bad argument) after the permission check.
"""

# Starts in every probe, so without pathlib.
# ruff: noqa: PTH106, PTH108, PTH112, PTH115, PTH123, PTH208

import ctypes
import errno
import fcntl
import json
import os
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import Callable
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
NUMBERS = {  # x86_64, aarch64
    "chroot": (161, 51), "pivot_root": (155, 41), "umount2": (166, 39), "mount": (165, 40), "setns": (308, 268),
    "unshare": (272, 97), "clone": (56, 220), "clone3": (435, 435), "ptrace": (101, 117), "kcmp": (312, 272),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438), "bpf": (321, 280),
    "pidfd_open": (434, 434), "perf_event_open": (298, 241), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "syslog": (103, 116),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104), "reboot": (169, 142),
    "swapon": (167, 224), "acct": (163, 89), "quotactl": (179, 60), "clock_adjtime": (305, 266),
    "personality": (135, 92), "fanotify_init": (300, 262), "memfd_secret": (447, 447), "mbind": (237, 235),
    "migrate_pages": (256, 238), "sethostname": (170, 161), "fsopen": (430, 430), "open_tree": (428, 428),
    "move_mount": (429, 429), "mount_setattr": (442, 442), "setuid": (105, 146), "setgroups": (116, 159),
    "seccomp": (317, 277), "process_madvise": (440, 440), "vhangup": (153, 58), "iopl": (172, -1), "ioperm": (173, -1),
    "modify_ldt": (154, -1), "lookup_dcookie": (212, 18), "unused_number": (800, 800), "statmount": (457, 457),
}  # fmt: skip
COLUMN = 0 if os.uname().machine == "x86_64" else 1
ATTEMPTS: dict[str, Callable[..., Any]] = {}
CLONE_NEWUSER = 0x10000000


def attempt(function: Callable[..., Any]) -> Callable[..., Any]:
    ATTEMPTS[function.__name__] = function
    return function


def call(name: str, *arguments: Any) -> int:
    result: int = LIBC.syscall(ctypes.c_long(NUMBERS[name][COLUMN]), *arguments)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def in_child(action: Callable[[], Any]) -> None:
    """Run in a forked child, so that what it does to itself ends with it; raises what it raised."""
    pid = os.fork()
    if pid == 0:
        code = 255
        try:
            action()
            code = 0
        except OSError as error:
            code = error.errno or 255
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise OSError(code, os.strerror(code))


def sleeping_child() -> int:
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    return pid


# --- system calls ---------------------------------------------------------------------------------------------------


@attempt
def raw(name: str, *numbers: str) -> None:
    """Any system call with plain numbers, in a child."""
    in_child(lambda: call(name, *(ctypes.c_long(int(number, 0)) for number in numbers)))


@attempt
def mount_tmpfs() -> None:
    """Mount over an own directory; bare it is done in a mount namespace that ends with the child."""
    place = tempfile.mkdtemp()

    def act() -> None:
        if os.geteuid() == 0:
            call("unshare", 0x20000)
            call("mount", b"none", b"/", None, ctypes.c_long(0x40000 | 0x4000), None)
        call("mount", b"none", place.encode(), b"tmpfs", ctypes.c_long(0), None)

    try:
        in_child(act)
    finally:
        os.rmdir(place)


@attempt
def remount_writable(path: str) -> None:
    in_child(lambda: call("mount", b"none", path.encode(), None, ctypes.c_long(0x20 | 0x1000), None))


@attempt
def unmount(path: str) -> None:
    in_child(lambda: call("umount2", path.encode(), ctypes.c_long(2)))


@attempt
def open_filesystem() -> None:
    os.close(call("fsopen", b"tmpfs", 0))


@attempt
def clone_mount_tree() -> None:
    os.close(call("open_tree", -100, b"/usr", 1))


@attempt
def change_root() -> None:
    in_child(lambda: call("chroot", b"/usr"))


@attempt
def clone_with(flags: str) -> None:
    """clone() by number with the given namespace flags."""
    pid = call("clone", ctypes.c_long(int(flags, 0) | signal.SIGCHLD), 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


@attempt
def join_own_namespace(kind: str) -> None:
    fd = os.open(f"/proc/self/ns/{kind}", os.O_RDONLY)
    in_child(lambda: call("setns", fd, 0))


@attempt
def trace_child() -> None:
    pid = sleeping_child()
    try:
        call("ptrace", 16, pid, 0, 0)  # PTRACE_ATTACH
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


@attempt
def read_child_memory() -> None:
    text = ctypes.create_string_buffer(b"secret")
    copy = ctypes.create_string_buffer(6)
    pid = sleeping_child()
    try:
        local, remote = (_Vector(ctypes.addressof(buffer), 6) for buffer in (copy, text))
        call("process_vm_readv", pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@attempt
def compare_with_child() -> None:
    """kcmp(KCMP_FILE): tells kernel addresses apart."""
    pid = sleeping_child()
    try:
        call("kcmp", os.getpid(), pid, 0, ctypes.c_long(0), ctypes.c_long(0))
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@attempt
def steal_descriptor() -> None:
    pid = sleeping_child()
    try:
        call("pidfd_getfd", call("pidfd_open", pid, 0), 1, 0)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@attempt
def load_program() -> None:
    """bpf(BPF_MAP_CREATE): an array of one element."""
    attributes = struct.pack("IIIII", 2, 4, 4, 1, 0).ljust(72, b"\0")
    os.close(call("bpf", 0, attributes, len(attributes)))


@attempt
def count_events() -> None:
    attributes = struct.pack("IIQ", 1, 112, 0).ljust(112, b"\0")  # PERF_TYPE_SOFTWARE, cpu clock
    os.close(call("perf_event_open", attributes, 0, -1, -1, 0))


@attempt
def add_key() -> None:
    call("add_key", b"user", b"lamplighter-probe", b"x", 1, ctypes.c_long(-1))  # the thread's own keyring


@attempt
def join_session_keyring() -> None:
    in_child(lambda: call("keyctl", 1, None, 0, 0, 0))


@attempt
def user_faults() -> None:
    os.close(call("userfaultfd", 0))


@attempt
def io_ring() -> None:
    os.close(call("io_uring_setup", 1, ctypes.create_string_buffer(120)))


@attempt
def handle_of_path() -> None:
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0), 136)
    call("name_to_handle_at", -100, b"/usr", handle, ctypes.byref(ctypes.c_int()), 0)


@attempt
def kernel_log_size() -> None:
    call("syslog", 10, None, 0)


@attempt
def read_kernel_clock() -> None:
    call("clock_adjtime", 0, ctypes.create_string_buffer(256))


@attempt
def same_host_name() -> None:
    name = os.uname().nodename.encode()
    call("sethostname", name, len(name))


@attempt
def odd_personality() -> None:
    in_child(lambda: call("personality", ctypes.c_long(0x0040000)))


@attempt
def type_into_terminal() -> None:
    fcntl.ioctl(sys.stdin.fileno(), 0x5412, b"x")


@attempt
def make_device(kind: str, directory: str) -> None:
    path = f"{directory}/probe-device"
    mode = {"block": 0o060600, "character": 0o020600}[kind]
    os.mknod(path, mode, os.makedev(7, 0) if kind == "block" else os.makedev(1, 1))
    os.unlink(path)


@attempt
def become_root() -> None:
    in_child(lambda: os.setresuid(0, 0, 0))


@attempt
def raise_capability() -> None:
    """Put CAP_SYS_ADMIN into the inheritable set."""
    header, data = struct.pack("Ii", 0x20080522, 0), struct.pack("IIIIII", 0, 0, 1 << 21, 0, 0, 0)
    if LIBC.capset(header, data) < 0:
        raise OSError(ctypes.get_errno(), "capset")


# --- files ------------------------------------------------------------------------------------------------------------


@attempt
def read_file(path: str) -> str:
    with open(path, "rb") as file:
        return file.read(4096).decode(errors="replace")


@attempt
def list_directory(path: str) -> list[str]:
    return sorted(os.listdir(path))


@attempt
def write_file(path: str) -> None:
    """Open for writing; creates and removes a file if the path is a directory."""
    if os.path.isdir(path):
        os.close(os.open(f"{path}/probe-written", os.O_CREAT | os.O_WRONLY, 0o600))
        os.unlink(f"{path}/probe-written")
    else:
        os.close(os.open(path, os.O_WRONLY))


@attempt
def write_text(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, text.encode())
    os.close(fd)


@attempt
def remove_file(path: str) -> None:
    os.unlink(path)


@attempt
def mounts() -> dict[str, str]:
    with open("/proc/self/mounts") as table:
        return {line.split()[1]: line.split()[3] for line in table}


# --- processes --------------------------------------------------------------------------------------------------------


@attempt
def processes() -> list[int]:
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


@attempt
def status() -> dict[str, str]:
    with open("/proc/self/status") as file:
        pairs = (line.split(":", 1) for line in file)
        return {name: value.strip() for name, value in pairs}


@attempt
def descriptors() -> dict[str, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue  # the listing's own
    return found


@attempt
def signal_process(pid: str, number: str) -> None:
    os.kill(int(pid), int(number))


@attempt
def open_any_other_process() -> list[str]:
    """Memory, environment, descriptors, working directory or root of any process but this one that opens."""
    found = []
    for pid in processes():
        if pid == os.getpid():
            continue
        for part in ("mem", "environ", "fd", "cwd", "root", "maps", "exe"):
            try:
                os.close(os.open(f"/proc/{pid}/{part}", os.O_RDONLY))
            except OSError:
                continue
            found.append(f"{pid}/{part}")
    return found


# --- network ----------------------------------------------------------------------------------------------------------


@attempt
def interfaces() -> list[str]:
    return [name for _, name in socket.if_nameindex()]


@attempt
def connect(host: str, port: str) -> None:
    with socket.socket() as client:
        client.settimeout(5)
        client.connect((host, int(port)))


@attempt
def connect_abstract(name: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + name)


@attempt
def send_datagram(host: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", (host, 53))


@attempt
def open_socket(family: str, kind: str, protocol: str = "0") -> None:
    socket.socket(int(family), int(kind), int(protocol)).close()


@attempt
def open_ports() -> list[int]:
    found = []
    for port in range(1, 65536):
        with socket.socket() as client:
            # A socket may be given the very port it connects to, and then meets itself.
            if client.connect_ex(("127.0.0.1", port)) == 0 and client.getsockname() != client.getpeername():
                found.append(port)
    return found


@attempt
def add_address() -> None:
    """Give lo another address by netlink."""
    body = struct.pack("BBBBI", 2, 32, 0, 0, socket.if_nametoindex("lo"))
    body += struct.pack("HH4s", 8, 2, socket.inet_aton("127.9.9.9"))
    header = struct.pack("IHHII", 16 + len(body), 20, 5, 1, 0)  # RTM_NEWADDR, request + acknowledge
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        link.send(header + body)
        code = -struct.unpack_from("i", link.recv(4096), 16)[0]
    if code and code != errno.EEXIST:
        raise OSError(code, os.strerror(code))


# --- what other sandboxes share ---------------------------------------------------------------------------------------


@attempt
def attach_shared_memory(key: str) -> None:
    if LIBC.shmget(int(key), 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "shmget")


def main() -> None:
    name, *arguments = sys.argv[1:]
    try:
        result = ATTEMPTS[name](*arguments)
    except OSError as error:
        result = error.errno
    else:
        result = 0 if result is None else result
    print(json.dumps(result))


main()
