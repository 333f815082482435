"""The dedicated root filesystem that a function sees: empty mount points and an own, minimal /etc.

Nothing of the host's /etc is taken but what describes its software (loader configuration, alternatives) and public
certificates. Must not know interpreters or clients.
"""

import shutil
from pathlib import Path

MOUNT_POINTS = (
    "dev", "etc", "home", "mnt", "opt", "proc", "run", "sys", "tmp", "usr", "var/lang/bin", "var/runtime", "var/task",
)  # fmt: skip

# Lambda runs functions as this user; functions that look their user up find it.
_USERS = """\
root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin
"""
_GROUP = """\
root:x:0:
nogroup:x:65534:
sbx_user1051:x:990:
"""
# Telemetry and extension listeners are addressed as sandbox.localdomain.
_HOSTS = """\
127.0.0.1 localhost sandbox sandbox.localdomain
::1 localhost ip6-localhost
"""
_NSSWITCH = """\
passwd: files
group: files
hosts: files dns
networks: files
protocols: files
services: files
"""
_ETC = {"passwd": _USERS, "group": _GROUP, "hosts": _HOSTS, "nsswitch.conf": _NSSWITCH, "resolv.conf": ""}
_COPIED = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "mime.types", "protocols", "services", "os-release")
_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_BUNDLES = (_BUNDLE, "etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/cert.pem", "etc/ssl/ca-bundle.pem")


def make_skeleton(root: Path) -> None:
    """Mount points and /etc; every file is readable by anyone, because the function is nobody special."""
    for name in MOUNT_POINTS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, text in _ETC.items():
        # Never through a link that a package or an operator has put there: it may lead out of the root filesystem.
        (root / "etc" / name).unlink(missing_ok=True)
        (root / "etc" / name).write_text(text)
    link(root / "etc/localtime", "/usr/share/zoneinfo/UTC")
    link(root / "etc/mtab", "/proc/self/mounts")
    for directory in (root, *(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())):
        directory.chmod(0o755)


def copy_host_configuration(root: Path, host: Path = Path("/")) -> None:
    """What the host's /usr needs to work: loader configuration, alternatives, certificates, file types."""
    for name in _COPIED:
        source = host / "etc" / name
        if source.is_dir():
            shutil.copytree(source, root / "etc" / name, dirs_exist_ok=True)
        elif source.exists():
            shutil.copyfile(source, root / "etc" / name)
    for alternative in sorted((host / "etc/alternatives").glob("*")):
        if alternative.is_symlink() and not alternative.name.endswith(".gz"):
            link(root / "etc/alternatives" / alternative.name, str(alternative.readlink()))
    copy_certificates(root, host)


def copy_java_configuration(root: Path, version: str, host: Path = Path("/")) -> None:
    """Debian keeps the configuration of a Java virtual machine in /etc, behind links from its home."""
    for source in (host / "etc").glob(f"java-{version}-*"):
        for path in source.rglob("*"):
            if path.is_file() and path.stat().st_mode & 0o004:
                target = root / path.relative_to(host)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def copy_certificates(root: Path, host: Path = Path("/")) -> None:
    """The host's certificate bundle, at the places where Debian, Amazon Linux and OpenSSL look for it."""
    bundle = next((host / name for name in _BUNDLES if (host / name).exists()), None)
    if bundle is None:
        return
    target = root / _BUNDLE
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(bundle, target)
    configuration = host / "etc/ssl/openssl.cnf"
    if configuration.exists():
        shutil.copyfile(configuration, root / "etc/ssl/openssl.cnf")
    link_certificates(root)


def link_certificates(root: Path) -> None:
    for name in _BUNDLES[1:]:
        link(root / name, f"/{_BUNDLE}")


def link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
