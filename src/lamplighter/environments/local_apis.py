"""The APIs of an execution environment beside the Runtime API: extensions, telemetry, logs and metadata, by path.

Must not know how an environment works: it is given the parts that the endpoints act on.
"""

from dataclasses import dataclass

from lamplighter.environments import metadata_api
from lamplighter.environments.extensions.registry import Extensions
from lamplighter.environments.extensions_api import router as extensions_api
from lamplighter.environments.runtime_api.answers import Answering
from lamplighter.environments.telemetry_api.subscribe import LOGS, TELEMETRY, Subscribers, handle_subscribe
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.wire.http_message import HttpRequest


@dataclass(frozen=True, slots=True)
class LocalApis:
    """What one life of a sandbox may call."""

    extensions: Extensions
    subscribers: Subscribers
    function: FunctionConfiguration
    metadata_token: str

    def handle(self, request: HttpRequest, exchange: Answering) -> bool:
        """Whether the path is one of these APIs."""
        path = request.path
        if path.startswith(extensions_api.PREFIX):
            extensions_api.handle_extension_call(self.extensions, self.function, request, exchange)
        elif path.rstrip("/") in (TELEMETRY, LOGS):
            handle_subscribe(self.extensions, self.subscribers, request, exchange)
        elif path.startswith(metadata_api.PREFIX):
            zone_id = metadata_api.availability_zone_id(self.function.region)
            metadata_api.handle_metadata_call(zone_id, self.metadata_token, request, exchange)
        else:
            return False
        return True
