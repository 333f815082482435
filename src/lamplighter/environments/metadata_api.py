"""The metadata API: GET /2026-01-15/metadata/execution-environment with the environment's own token.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-metadata-endpoint.html. Must not know what asks.
"""

import hmac
import re

import msgspec

from lamplighter.environments.runtime_api.answers import JSON_HEADERS, TEXT_HEADERS, Answering, error_body
from lamplighter.wire.http_message import HttpRequest

PREFIX = "/2026-01-15/metadata/"
_ENDPOINT = f"{PREFIX}execution-environment"
_CACHE = ("Cache-Control", "private, max-age=43200, immutable")
_DIRECTIONS = {"northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw"}


def handle_metadata_call(zone_id: str, token: str, request: HttpRequest, exchange: Answering) -> None:
    if request.path != _ENDPOINT:
        exchange.send(404, TEXT_HEADERS, b"404 page not found\n")
    elif request.method != "GET":
        exchange.send(405, (("Allow", "GET"),))
    elif not hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {token}".encode()):
        exchange.send(401, JSON_HEADERS, error_body("Unauthorized", "Missing or invalid authorization token"))
    else:
        exchange.send(200, (*JSON_HEADERS, _CACHE), msgspec.json.encode({"AvailabilityZoneID": zone_id}))


def availability_zone_id(region: str) -> str:
    """The first zone of a region, as AWS names zones: use1-az1 for us-east-1. One machine is one zone."""
    match = re.fullmatch(r"([a-z]{2})(-gov|-iso[a-z]*)?-([a-z]+)-(\d+)", region)
    if match is None:
        return f"{region}-az1"
    area, partition, direction, number = match.groups()
    return f"{area}{(partition or '')[1:2]}{_DIRECTIONS.get(direction, direction[0])}{number}-az1"
