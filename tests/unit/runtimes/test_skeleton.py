"""The dedicated root filesystem that a function sees."""

import os
import stat
from pathlib import Path

from lamplighter.sandboxes.runtimes.skeleton import MOUNT_POINTS, copy_host_configuration, make_skeleton


def host_tree(host: Path) -> Path:
    (host / "etc/ssl/certs").mkdir(parents=True)
    (host / "etc/alternatives").mkdir()
    (host / "etc/ssl/certs/ca-certificates.crt").write_text("certificates")
    (host / "etc/ld.so.cache").write_bytes(b"cache")
    (host / "etc/shadow").write_text("secret")
    (host / "etc/passwd").write_text("someone:x:1000:")
    (host / "etc/alternatives/awk").symlink_to("/usr/bin/gawk")
    return host


def test_every_mount_point_is_there_and_open_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        make_skeleton(tmp_path / "rootfs")
    finally:
        os.umask(before)
    for name in ("", *MOUNT_POINTS):
        assert stat.S_IMODE((tmp_path / "rootfs" / name).stat().st_mode) == 0o755


def test_nothing_of_the_hosts_accounts_is_copied(tmp_path: Path) -> None:
    root = tmp_path / "rootfs"
    make_skeleton(root)
    copy_host_configuration(root, host_tree(tmp_path / "host"))
    assert not (root / "etc/shadow").exists()
    assert "someone" not in (root / "etc/passwd").read_text()
    assert "sbx_user1051:x:993:990" in (root / "etc/passwd").read_text()
    assert "sandbox.localdomain" in (root / "etc/hosts").read_text()


def test_what_the_hosts_programs_need_is_copied(tmp_path: Path) -> None:
    root = tmp_path / "rootfs"
    make_skeleton(root)
    copy_host_configuration(root, host_tree(tmp_path / "host"))
    assert (root / "etc/ld.so.cache").read_bytes() == b"cache"
    assert (root / "etc/alternatives/awk").readlink() == Path("/usr/bin/gawk")
    assert (root / "etc/ssl/certs/ca-certificates.crt").read_text() == "certificates"
    assert (root / "etc/pki/tls/certs/ca-bundle.crt").readlink() == Path("/etc/ssl/certs/ca-certificates.crt")


def test_no_link_of_the_skeleton_resolves_outside_it_when_seen_from_inside(tmp_path: Path) -> None:
    root = tmp_path / "rootfs"
    make_skeleton(root)
    for path in root.rglob("*"):
        if path.is_symlink():
            assert path.readlink().is_absolute()
