"""Signs requests with Signature Version 4: the client's half, for our own command line and outgoing calls.

Must not know transports; it returns the headers to add.
"""

import hashlib
from datetime import UTC, datetime

from lamplighter.identity.canonical import (
    ALGORITHM,
    Scope,
    canonical_path,
    canonical_query,
    canonical_request,
    signature,
)


def sign(
    *,
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
    body: bytes,
    access_key_id: str,
    secret_access_key: str,
    region: str,
    service: str,
    now: float,
) -> dict[str, str]:
    """`headers` (which must hold Host) plus X-Amz-Date and Authorization. Every header given is signed."""
    timestamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    dated = {**headers, "X-Amz-Date": timestamp}
    lowered = {name.lower(): value for name, value in dated.items()}
    names = sorted(lowered)
    scope = Scope(access_key_id, timestamp[:8], region, service)
    text = canonical_request(
        method,
        canonical_path(path, service),
        canonical_query(query),
        lowered,
        names,
        hashlib.sha256(body).hexdigest(),
    )
    proof = signature(secret_access_key, scope, timestamp, text)
    credential = f"{access_key_id}/{scope.text}"
    dated["Authorization"] = f"{ALGORITHM} Credential={credential}, SignedHeaders={';'.join(names)}, Signature={proof}"
    return dated
