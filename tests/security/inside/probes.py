"""What a hostile function would try, one function per attempt: `probes.py NAME [ARGUMENT...]` prints JSON.

Runs inside a sandbox, and bare on the host as the control. An attempt returns None when it got through; an OSError
becomes its errno. Standard library only. Harmless when it succeeds: every effect is on the probe's own process, on a
file it was given, or refused for another reason (a bad argument) after the permission check.
"""

# Starts in every probe, so without pathlib.
# ruff: noqa: PTH106, PTH108, PTH110, PTH112, PTH115, PTH116, PTH123, PTH208

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
    "io_setup": (206, 0), "cachestat": (451, 451),
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
def open_own_device(path: str) -> None:
    """Make a second null device and open it."""
    os.mknod(path, 0o020600, os.makedev(1, 3))
    try:
        os.close(os.open(path, os.O_RDWR))
    finally:
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


@attempt
def take_asynchronous_contexts() -> None:
    """io_setup: its contexts are counted for the whole host."""
    context = ctypes.c_ulong(0)
    call("io_setup", ctypes.c_long(16), ctypes.byref(context))


@attempt
def huge_pages(way: str) -> None:
    if way == "file":
        fd = LIBC.memfd_create(b"probe", 4)  # MFD_HUGETLB
        if fd < 0:
            raise OSError(ctypes.get_errno(), "memfd_create")
        os.close(fd)
        return
    LIBC.mmap.restype = ctypes.c_void_p
    if LIBC.mmap(None, ctypes.c_size_t(2 << 20), 3, 0x40022, -1, ctypes.c_long(0)) == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")


@attempt
def call_the_32_bit_way() -> None:
    """Make getpid by int 0x80: another table of numbers, which a filter by number would mistake."""
    import mmap

    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xb8\x14\0\0\0\xcd\x80\xc3")  # mov eax, 20; int 0x80; ret
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


# --- files ------------------------------------------------------------------------------------------------------------


@attempt
def read_file(path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(fd, 4096).decode(errors="replace")
    finally:
        os.close(fd)


@attempt
def see(path: str) -> None:
    os.stat(path)


@attempt
def meets_more_than_null(path: str) -> None:
    """Whether a masked file is something else than the null device laid over it."""
    if os.stat(path).st_rdev == os.makedev(1, 3):
        raise PermissionError(errno.EACCES, "masked")


@attempt
def find_marker(*places: str) -> None:
    """Look for the file `marker` in places that another process keeps swapping."""
    for _ in range(2000):
        if any(os.path.exists(f"{place}/marker") for place in places):
            return
    raise FileNotFoundError(errno.ENOENT, "marker")


TEDIOUS = ("task", "map_files", "net", "fdinfo", "attr", "sys")


@attempt
def sweep(written: str, *places: str) -> list[str]:
    """Files below the places that hold a text; it is given backwards, so that the probe does not find itself."""
    text = written[::-1].encode()
    found = []
    for place in places:
        for directory, below, files in os.walk(place):
            below[:] = [name for name in below if name not in TEDIOUS]
            for name in files:
                path = f"{directory}/{name}"
                try:
                    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                except OSError:
                    continue
                try:
                    if text in os.read(fd, 1 << 20):
                        found.append(path)
                except OSError:
                    continue
                finally:
                    os.close(fd)
    return found


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
def file_by_descriptor(path: str) -> None:
    """Read a file of the host by way of any descriptor of a directory that leaked in."""
    for number in range(3, 32):
        try:
            os.close(os.open(path.lstrip("/"), os.O_RDONLY, dir_fd=number))
        except OSError:
            continue
        return
    raise FileNotFoundError(errno.ENOENT, path)


@attempt
def lower_nice() -> None:
    os.setpriority(os.PRIO_PROCESS, 0, -5)


@attempt
def lock_memory(mebibytes: str) -> None:
    size = int(mebibytes) << 20
    buffer = ctypes.create_string_buffer(size)
    if LIBC.mlock(buffer, ctypes.c_size_t(size)) < 0:
        number = ctypes.get_errno()
        raise OSError(errno.EPERM if number in (errno.ENOMEM, errno.EAGAIN) else number, "mlock")


@attempt
def raise_limit(name: str) -> None:
    import resource

    kind = getattr(resource, f"RLIMIT_{name}")
    soft, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        try:
            resource.setrlimit(kind, (soft, hard + 1))
        except ValueError as error:
            raise PermissionError(errno.EPERM, name) from error


@attempt
def dump_core() -> None:
    """Whether a crash with the highest limit to be had makes a core."""
    import resource

    pid = os.fork()
    if pid == 0:
        os.chdir("/tmp")
        resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)
    if not os.WCOREDUMP(os.waitpid(pid, 0)[1]):
        raise FileNotFoundError(errno.ENOENT, "core")


# --- network ----------------------------------------------------------------------------------------------------------


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
def receive_kernel_events() -> None:
    """Join the group in which the kernel tells of the host's devices."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15) as link:
        link.bind((0, 1))


@attempt
def bind_port(port: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", int(port)))


@attempt
def other_interfaces() -> list[str]:
    return [name for _, name in socket.if_nameindex() if name != "lo"]


@attempt
def open_ports(first: str = "1", last: str = "65535") -> list[int]:
    found = []
    for port in range(int(first), int(last) + 1):
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
def host_name_is(name: str) -> None:
    if os.uname().nodename != name:
        raise FileNotFoundError(errno.ENOENT, name)


@attempt
def named_groups() -> list[str]:
    """Control groups by their names on the host."""
    with open("/proc/self/cgroup") as table:
        return [line.strip() for line in table if "lamplighter" in line]


@attempt
def open_message_queue(name: str) -> None:
    if LIBC.mq_open(name.encode(), os.O_RDONLY) < 0:
        raise OSError(ctypes.get_errno(), "mq_open")


@attempt
def attach_shared_memory(key: str) -> None:
    if LIBC.shmget(int(key), 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "shmget")


def outcome(name: str, arguments: list[str]) -> Any:
    try:
        result = ATTEMPTS[name](*arguments)
    except OSError as error:
        return error.errno
    return 0 if result is None else result


def apart(name: str, arguments: list[str]) -> Any:
    """The outcome in a child of its own, so that no attempt disturbs the next."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        os.close(reading)
        text = json.dumps(outcome(name, arguments)).encode()
        while text:
            text = text[os.write(writing, text) :]
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        return f"signal {-code}" if code < 0 else f"no answer: {code}"
    return json.loads(answer)


@attempt
def many(attempts: str) -> list[Any]:
    return [apart(name, arguments) for name, *arguments in json.loads(attempts)]


def main() -> None:
    name, *arguments = sys.argv[1:]
    print(json.dumps(outcome(name, arguments)))


main()
