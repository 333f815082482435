"""Lambda: an asynchronous Invoke of a function that another Lambda endpoint serves."""

from urllib.parse import quote

from lamplighter.aws_client.client import AwsClient, Place
from lamplighter.kernel.arn import Arn


async def invoke_event(client: AwsClient, function: Arn, payload: bytes, trace_header: str = "") -> None:
    """Raises what AwsClient.call raises."""
    await client.call(
        "lambda",
        Place(function.account_id, function.region),
        path=f"/2015-03-31/functions/{quote(function.text, safe='')}/invocations",
        headers={"X-Amz-Invocation-Type": "Event", "Content-Type": "application/json"},
        body=payload,
        trace_header=trace_header,
    )
