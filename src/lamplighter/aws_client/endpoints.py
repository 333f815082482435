"""Where each AWS service is reached: the table that an operator fills, real AWS or any compatible server behind it.

Must not know how calls are made.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One service. `region` None: the region of what is addressed. Without keys, the account's id is the key id."""

    url: str
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None


Endpoints = Mapping[str, Endpoint]


class EndpointMissing(Exception):
    """The service has no endpoint; the message names the setting."""

    def __init__(self, service: str) -> None:
        super().__init__(
            f"the service '{service}' has no endpoint: set [endpoints.{service}] url=... in the configuration file, "
            f"or LAMPLIGHTER_ENDPOINTS_{service.upper()}_URL"
        )
        self.service = service
