"""Java's own form of the certificates in a root filesystem: a keystore made of its PEM bundle.

Debian's package makes one by running Java; here nothing of a runtime is run, and the format (JKS: entries, then a SHA-1
over them and a password that nobody keeps secret) is simple enough to write. Must not know where they come from.
"""

import hashlib
import re
import ssl
import struct
from pathlib import Path

# Where Debian's Java and AWS's client look.
_PLACES = ("etc/ssl/certs/java/cacerts", "etc/pki/java/cacerts")
_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_MAGIC, _VERSION, _TRUSTED = 0xFEEDFEED, 2, 2
_PASSWORD = "changeit"  # noqa: S105  # Java's well-known one; the content is public


def write_truststore(root: Path) -> None:
    """Nothing is written where the root filesystem has no certificates."""
    bundle = root / _BUNDLE
    if not bundle.exists():
        return
    keystore = _keystore([ssl.PEM_cert_to_DER_cert(found) for found in _CERTIFICATE.findall(bundle.read_text())])
    for place in _PLACES:
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(keystore)


def _keystore(certificates: list[bytes]) -> bytes:
    parts = [struct.pack(">III", _MAGIC, _VERSION, len(certificates))]
    for number, certificate in enumerate(certificates):
        parts += [struct.pack(">I", _TRUSTED), _text(f"certificate-{number}"), struct.pack(">Q", 0)]
        parts += [_text("X.509"), struct.pack(">I", len(certificate)), certificate]
    content = b"".join(parts)
    salted = _PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + content
    return content + hashlib.sha1(salted, usedforsecurity=False).digest()


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()
