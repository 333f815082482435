"""SNS: Publish to a topic. Query protocol."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from lamplighter.aws_client.client import AwsClient, Place
from lamplighter.kernel.arn import Arn

_NUMBERS = frozenset({"ErrorCode"})


async def publish(
    client: AwsClient, topic: Arn, message: str, attributes: Mapping[str, str], trace_header: str = ""
) -> None:
    """Raises what AwsClient.call raises."""
    fields = {
        "Action": "Publish",
        "Version": "2010-03-31",
        "TopicArn": topic.text,
        "Message": message,
    }
    for number, (name, value) in enumerate(attributes.items(), start=1):
        entry = f"MessageAttributes.entry.{number}"
        fields[f"{entry}.Name"] = name
        fields[f"{entry}.Value.DataType"] = "Number" if name in _NUMBERS else "String"
        fields[f"{entry}.Value.StringValue"] = value
    await client.call(
        "sns",
        Place(topic.account_id, topic.region),
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
        body=urlencode(fields, quote_via=quote).encode(),
        trace_header=trace_header,
    )
