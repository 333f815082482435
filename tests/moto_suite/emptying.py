"""Takes everything away that a region of a lamplighter server holds, through its API.

Must not know the server's storage: what the API cannot take away stays, as on AWS.
"""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def emptying(url: str, account: str) -> Callable[[str], None]:
    """What empties a region of the server at `url`."""
    session: Any = boto3.Session(aws_access_key_id=account, aws_secret_access_key="any")
    clients: dict[str, Any] = {}

    def empty(region: str) -> None:
        if region not in clients:
            config = Config(retries={"max_attempts": 1})
            clients[region] = session.client("lambda", endpoint_url=url, region_name=region, config=config)
        _empty(clients[region])

    return empty


# Any: boto3's clients are made at run time.
def _empty(client: Any) -> None:
    for mapping in _all(client, "list_event_source_mappings", "EventSourceMappings"):
        if mapping["State"] != "Deleting":
            client.delete_event_source_mapping(UUID=mapping["UUID"])
    for function in _all(client, "list_functions", "Functions"):
        client.delete_function(FunctionName=function["FunctionName"])
    for layer in _all(client, "list_layers", "Layers"):
        for version in _all(client, "list_layer_versions", "LayerVersions", LayerName=layer["LayerName"]):
            client.delete_layer_version(LayerName=layer["LayerName"], VersionNumber=version["Version"])
    for signing in _all(client, "list_code_signing_configs", "CodeSigningConfigs"):
        client.delete_code_signing_config(CodeSigningConfigArn=signing["CodeSigningConfigArn"])


def _all(client: Any, operation: str, member: str, **request: Any) -> Iterator[dict[str, Any]]:
    try:
        pages = list(client.get_paginator(operation).paginate(**request))
    except ClientError as error:
        raise AssertionError(f"the server cannot be emptied: {error}") from error
    for page in pages:
        yield from page[member]
