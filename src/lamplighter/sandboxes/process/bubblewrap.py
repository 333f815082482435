"""The bubblewrap command for a sandbox: own pid, ipc, uts and user namespaces and a root made of binds.

Pure. The network is the host's, because the Runtime API listens there; there are no limits and no system call filter.
"""

from pathlib import Path

from lamplighter.sandboxes.sandbox import SandboxSpec

_MADE_INSIDE = frozenset({"proc", "dev", "tmp", "sys"})


def bubblewrap_arguments(program: str, spec: SandboxSpec, entries: tuple[Path, ...], tmp: Path, opt: Path) -> list[str]:
    """The command up to `--`. `entries` is what lies in the root, `opt` the merged layers, `tmp` the private /tmp."""
    command = [program, "--die-with-parent", "--new-session", "--unshare-user", "--unshare-pid", "--unshare-ipc"]
    command += ["--unshare-uts", "--unshare-cgroup-try", "--hostname", spec.hostname, "--uid", "993", "--gid", "990"]
    command += ["--cap-drop", "ALL", "--tmpfs", "/"]
    targets = {bind.target.strip("/") for bind in spec.binds}
    for entry in entries:
        if entry.is_symlink():
            command += ["--symlink", str(entry.readlink()), f"/{entry.name}"]
        elif entry.name not in _MADE_INSIDE and entry.name not in targets:
            command += ["--ro-bind", str(entry), f"/{entry.name}"]
    command += ["--proc", "/proc", "--dev", "/dev", "--bind", str(tmp), "/tmp"]  # noqa: S108 - inside
    for bind in spec.binds:
        command += ["--bind" if bind.writable else "--ro-bind", str(bind.source), bind.target]
    if spec.layers:
        command += ["--ro-bind", str(opt), "/opt"]
    return [*command, "--remount-ro", "/", "--chdir", spec.cwd, "--"]
