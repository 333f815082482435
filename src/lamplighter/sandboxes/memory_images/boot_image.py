"""Runs inside the sandbox: brings a Python runtime to the point at which its memory image is taken.

    python3.x /run/boot_image.py zygote                 AWS's runtime interface client is loaded, nothing else
    python3.x /run/boot_image.py snap-start HANDLER     the function is initialised, its before-snapshot hooks have run

What follows happens in every process made of the image: the environment of its own is put in place, randomness is
drawn anew, and the runtime's own start goes on. Must not know the server; it talks to the Runtime API like any runtime.
"""

# Bound into the sandbox, never imported by the server; what it prints goes to the server, or to the function's log.
# ruff: noqa: T201
import ctypes
import json
import os
import sys
import types

PLACE = "/run"
BOOTSTRAP = "/var/runtime/bootstrap.py"
_ARCH_PRCTL, _ARCH_GET_FS = 158, 0x1003
_LEAST_RSEQ = 32
_MOST_TMP_BYTES = 64 * 1024 * 1024
_REASONS = {-1: "it runs more than one thread", -2: "it holds a pipe or another descriptor that cannot be made again"}


class Taker:
    """take.c, loaded into this process. What it needs is looked up before, so that nothing is allocated around it."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None)
        base = ctypes.c_uint64()
        libc.syscall(ctypes.c_long(_ARCH_PRCTL), ctypes.c_long(_ARCH_GET_FS), ctypes.byref(base))
        try:
            size = ctypes.c_uint.in_dll(libc, "__rseq_size").value
            place = base.value + ctypes.c_ssize_t.in_dll(libc, "__rseq_offset").value
        except ValueError:  # a libc before 2.35 registers none
            size, place = 0, 0
        self._rseq = (ctypes.c_uint64(place), ctypes.c_uint64(max(size, _LEAST_RSEQ) if size else 0))
        self._mailbox = ctypes.c_uint64()
        # PyDLL: the interpreter must not be given up meanwhile.
        self._take = ctypes.PyDLL(f"{PLACE}/take.so").take_image

    def take(self) -> int:
        """0 in this process, 1 in one made of the image; below 0 if that cannot be. As os.fork, hooks included."""
        ctypes.pythonapi.PyOS_BeforeFork()
        outcome: int = self._take(*self._rseq, ctypes.byref(self._mailbox))
        if outcome == 1:
            ctypes.pythonapi.PyOS_AfterFork_Child()
        else:
            ctypes.pythonapi.PyOS_AfterFork_Parent()
        return outcome

    def mail(self) -> "tuple[list[str], dict[str, str]]":
        """The arguments and variables that a process made of the image was started with."""
        place = self._mailbox.value
        length = ctypes.c_uint64.from_address(place).value
        text = ctypes.string_at(place + 8, length)
        arguments, _, variables = (b"\0" + text).partition(b"\0\0")
        pairs = (entry.partition(b"=") for entry in variables.split(b"\0") if entry)
        return (
            [os.fsdecode(argument) for argument in arguments.split(b"\0")[1:]],
            {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs},
        )


def renew_randomness() -> None:
    """What PyOS_AfterFork_Child does not reach. Processes of one image have one pid, so libraries cannot tell."""
    loaded = sys.modules
    if "random" in loaded:
        loaded["random"].seed()
    if "_ssl" in loaded:
        loaded["_ssl"].RAND_add(os.urandom(64), 64.0)
    if "tempfile" in loaded:
        vars(loaded["tempfile"])["_name_sequence"] = None
    if "numpy.random" in loaded:
        loaded["numpy.random"].seed()


def go_on(code: types.CodeType) -> None:
    """What `python bootstrap.py` does from here, in a module that looks like its own."""
    import time

    time.tzset()
    sys.argv[:] = [BOOTSTRAP]
    sys.orig_argv[:] = [sys.executable, BOOTSTRAP]
    sys.path_importer_cache.clear()
    main = sys.modules["__main__"]
    kept = {"__name__": "__main__", "__builtins__": main.__dict__["__builtins__"], "__file__": BOOTSTRAP}
    main.__dict__.clear()
    main.__dict__.update(kept)
    exec(code, main.__dict__)  # noqa: S102  # the runtime's own file, compiled before


# --- zygote


def become_zygote(taker: Taker, code: types.CodeType) -> None:
    before = set(sys.modules)
    import awslambdaric.__main__  # type: ignore[import-not-found]  # noqa: F401  # only there inside the sandbox

    names = {name.partition(".")[0] for name in set(sys.modules) - before}
    print(json.dumps(sorted(names | {"ctypes", "json", "_ctypes", "struct", "_struct"})), flush=True)
    if taker.take() != 1:
        return
    arguments, variables = taker.mail()
    if arguments == ["check"]:
        os._exit(0)
    coerced = {name: os.environ[name] for name in ("LC_CTYPE",) if name in os.environ}  # by the interpreter itself
    os.environ.clear()
    os.environ.update({**coerced, **variables})
    renew_randomness()
    if "AWS_LAMBDA_LOG_FORMAT" in variables or "AWS_LAMBDA_LOG_LEVEL" in variables:
        for name in ("bootstrap", "__main__"):  # these have read it when they were loaded
            del sys.modules[f"awslambdaric.{name}"]
            delattr(sys.modules["awslambdaric"], name)
    go_on(code)


# --- SnapStart


def kept_tmp() -> bytes:
    """What init left in /tmp, which every environment finds again."""
    if not os.listdir("/tmp"):  # noqa: PTH208, S108  # a mount of this sandbox alone
        return b""
    import io
    import tarfile

    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add("/tmp", arcname=".")  # noqa: S108
    if archive.tell() > _MOST_TMP_BYTES:
        raise OSError("init left too much in /tmp")
    return archive.getvalue()


def restore_tmp(archive: bytes) -> None:
    if archive:
        import io
        import tarfile

        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall("/tmp")  # noqa: S108, S202  # made by this very function, extracted with its own rights


def become_template(taker: Taker, code: types.CodeType) -> None:
    from awslambdaric.lambda_runtime_client import (  # type: ignore[import-not-found]  # only there inside
        LambdaRuntimeClient,
    )

    restore_next = LambdaRuntimeClient.restore_next
    first = dict(os.environ)

    def taken_restore_next(client: object) -> None:
        import http.client  # noqa: F401  # the client loads it when it asks for restore/next: 30 ms of every restore

        "localhost".encode("idna")  # and this codec when it connects
        archive = kept_tmp()
        outcome = taker.take()
        if outcome == 0:
            os._exit(0)
        if outcome < 0:
            print(f"This function cannot be restored from memory: {_REASONS.get(outcome, 'its memory')}.", flush=True)
            os._exit(1)
        _, variables = taker.mail()
        os.environ.update({name: value for name, value in variables.items() if first.get(name) != value})
        renew_randomness()
        restore_tmp(archive)
        restore_next(client)

    LambdaRuntimeClient.restore_next = taken_restore_next
    go_on(code)


def begin(arguments: "list[str]") -> None:
    del sys.modules["boot_image"]
    sys.path[0] = "/var/runtime"
    with open(BOOTSTRAP, "rb") as source:  # noqa: PTH123  # pathlib would be loaded for nothing
        code = compile(source.read(), BOOTSTRAP, "exec")
    if arguments[0] == "zygote":
        become_zygote(Taker(), code)
    else:
        become_template(Taker(), code)


if __name__ == "__main__":
    # This file once more, so that nothing of it is in the module of the runtime's own start.
    __import__("boot_image").begin(sys.argv[1:])
