"""What an operation may know about the call it answers: who calls, which account and region, when, under which id.

Must not know the wire: headers and bodies stay in the frontends.
"""

from dataclasses import dataclass
from typing import Protocol

import msgspec


@dataclass(frozen=True, slots=True)
class Principal:
    """The authenticated caller. `arn` is e.g. arn:aws:iam::123456789012:root."""

    account_id: str
    arn: str
    access_key_id: str


class Authoriser(Protocol):
    """Decides whether a principal may do an action. The evaluator of policies comes later; the seam is here."""

    def authorise(self, principal: Principal, action: str, resource: str, conditions: dict[str, str]) -> None:
        """Raise AccessDeniedException unless `principal` may do `action` (e.g. lambda:GetFunction) on `resource`."""
        ...


class RootAuthoriser:
    """Allows an account's root key everything, which is all the keys there are today."""

    def authorise(self, principal: Principal, action: str, resource: str, conditions: dict[str, str]) -> None:
        return


class RequestContext(msgspec.Struct, frozen=True, kw_only=True):
    """One API call. `now` is the time of the call in seconds since 1970; `region` comes from the SigV4 scope."""

    request_id: str
    account_id: str
    region: str
    principal: Principal
    authoriser: Authoriser
    now: float
    partition: str = "aws"
    source_ip: str = "127.0.0.1"
    user_agent: str = ""
    trace_header: str = ""
    endpoint: str = ""
    conditions: dict[str, str] = {}

    def authorise(self, action: str, resource: str, **conditions: str) -> None:
        """Refuse the call with AWS's AccessDeniedException unless the caller may do `action` on `resource`."""
        self.authoriser.authorise(self.principal, action, resource, {**self.conditions, **conditions})
