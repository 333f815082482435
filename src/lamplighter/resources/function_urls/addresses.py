"""How a function URL is written: `<scheme>://<id>.lambda-url.<region>.<domain>/`.

The domain is a setting; without one it is taken from the endpoint that the caller came to. Pure.
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

# Resolvers and browsers send every name below it to this machine (RFC 6761).
_LOOPBACK_NAME = "localhost"


def function_url(url_id: str, region: str, *, endpoint: str, domain: str | None) -> str:
    """The URL of a function; `domain` may carry a port."""
    parts = urlsplit(endpoint)
    return f"{parts.scheme or 'http'}://{url_id}.lambda-url.{region}.{domain or _domain_of(parts.netloc)}/"


def _domain_of(netloc: str) -> str:
    """The endpoint's own name; an address has no names below it, so the loopback name stands for it."""
    parts = urlsplit(f"//{netloc}")
    host = parts.hostname or _LOOPBACK_NAME
    try:
        ip_address(host)
    except ValueError:
        return netloc or host
    return _LOOPBACK_NAME if parts.port is None else f"{_LOOPBACK_NAME}:{parts.port}"
