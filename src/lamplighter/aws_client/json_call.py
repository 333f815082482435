"""A call in AWS's JSON protocols (1.0, 1.1): the operation in X-Amz-Target, members in and out as JSON."""

from collections.abc import Mapping

import msgspec

from lamplighter.aws_client.client import AwsClient, Place

# object: members are what the operation's model says; callers read the few they know.
Members = Mapping[str, object]


async def json_call(
    client: AwsClient, service: str, place: Place, target: str, members: Members, *, version: str = "1.1"
) -> Members:
    """The answer's members. Raises what AwsClient.call raises."""
    headers = {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": target}
    response = await client.call(service, place, headers=headers, body=msgspec.json.encode(members))
    answered: Members = msgspec.json.decode(response.body or b"{}", type=dict[str, object])
    return answered
