"""Who calls: proven by signature (`up`), or taken at their word on loopback (`dev`).

Must not know operations. Both kinds answer with the same Caller, so that nothing behind them can tell the modes apart.
"""

import re
from hashlib import sha256
from typing import Protocol

from lamplighter.identity.keys import KeyRing, root_principal
from lamplighter.identity.sigv4 import INLINE_HASH_BYTES, Caller, SignatureVerifier, body_digest, claimed_scope
from lamplighter.kernel.clock import Clock
from lamplighter.wire.http_message import HttpRequest

_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_REGION = re.compile(r"[a-z]{2}(-[a-z]+){1,3}-[0-9]{1,2}", re.ASCII)


class Authenticator(Protocol):
    """Tells who sent a request."""

    def authenticate_at_once(self, request: HttpRequest) -> Caller | None:
        """The same; None when it would take too long for the event loop."""
        ...

    async def authenticate(self, request: HttpRequest) -> Caller:
        """The caller. Raises AWS's error for what is wrong."""
        ...


class SignedAuthenticator:
    """Believes signatures only."""

    def __init__(self, keys: KeyRing, clock: Clock) -> None:
        self._verifier = SignatureVerifier(keys)
        self._clock = clock

    def authenticate_at_once(self, request: HttpRequest) -> Caller | None:
        body = request.body
        if len(body) > INLINE_HASH_BYTES:
            return None
        return self._verifier.verify(request, sha256(body).hexdigest(), self._clock.now())

    async def authenticate(self, request: HttpRequest) -> Caller:
        digest = await body_digest(request.body)
        return self._verifier.verify(request, digest, self._clock.now())


class OpenAuthenticator:
    """Believes everybody: a 12-digit access key id is the account, region and service are read unproven."""

    def __init__(self, account_id: str, region: str) -> None:
        self._default = Caller(root_principal(account_id, "anonymous"), region, "lambda")

    async def authenticate(self, request: HttpRequest) -> Caller:
        return self.authenticate_at_once(request)

    def authenticate_at_once(self, request: HttpRequest) -> Caller:
        scope = claimed_scope(request)
        if scope is None:
            return self._default
        account_id = self._default.principal.account_id
        if _ACCOUNT.fullmatch(scope.access_key_id):
            account_id = scope.access_key_id
        region = scope.region if _REGION.fullmatch(scope.region) else self._default.region
        return Caller(root_principal(account_id, scope.access_key_id), region, scope.service or "lambda")
