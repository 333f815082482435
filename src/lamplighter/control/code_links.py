"""Links to a function's code, as GetFunction gives them: anyone who holds one may download for ten minutes.

The link carries its own proof (HMAC over digest and expiry), so nothing is stored. Must not know who serves it.
"""

import hashlib
import hmac

PATH = "/_lamplighter/code/"
_LIFETIME_SECONDS = 600


class CodeLinks:
    """Makes and checks links; `secret` must stay the same for as long as links shall hold."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, digest: str, now: float) -> str:
        """Path and query of a link to the blob `digest`."""
        expires = int(now) + _LIFETIME_SECONDS
        return f"{PATH}{digest}?Expires={expires}&Signature={self._sign(digest, expires)}"

    def is_valid(self, digest: str, expires: str, signature: str, now: float) -> bool:
        """Whether path and query of a request are a link of ours that still holds."""
        if not (expires.isascii() and expires.isdigit()) or not signature.isascii() or int(expires) < now:
            return False
        return hmac.compare_digest(self._sign(digest, int(expires)), signature)

    def _sign(self, digest: str, expires: int) -> str:
        return hmac.new(self._secret, f"{digest} {expires}".encode(), hashlib.sha256).hexdigest()
