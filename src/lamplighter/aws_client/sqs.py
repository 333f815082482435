"""SQS: SendMessage to a queue named by its ARN. JSON protocol."""

from collections.abc import Mapping

from lamplighter.aws_client.client import AwsClient, CallRefused, Place
from lamplighter.aws_client.json_call import json_call
from lamplighter.kernel.arn import Arn

_GONE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
_NUMBERS = frozenset({"ErrorCode"})


class Sqs:
    """Queue URLs are asked for once and remembered until the queue is gone."""

    def __init__(self, client: AwsClient) -> None:
        self._client = client
        self._urls: dict[Arn, str] = {}

    async def send_message(self, queue: Arn, body: str, attributes: Mapping[str, str], trace_header: str = "") -> None:
        """`attributes` are text, but for those that AWS sends as numbers. Raises what AwsClient.call raises."""
        place = Place(queue.account_id, queue.region)
        url = self._urls.get(queue) or await self._ask_url(queue, place)
        members: dict[str, object] = {"QueueUrl": url, "MessageBody": body}
        if attributes:
            members["MessageAttributes"] = {
                name: {"DataType": "Number" if name in _NUMBERS else "String", "StringValue": value}
                for name, value in attributes.items()
            }
        if trace_header:
            members["MessageSystemAttributes"] = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace_header}}
        try:
            await json_call(self._client, "sqs", place, "AmazonSQS.SendMessage", members, version="1.0")
        except CallRefused as refused:
            if refused.code in _GONE:
                self._urls.pop(queue, None)
            raise

    async def _ask_url(self, queue: Arn, place: Place) -> str:
        members = {"QueueName": queue.resource, "QueueOwnerAWSAccountId": queue.account_id}
        answered = await json_call(self._client, "sqs", place, "AmazonSQS.GetQueueUrl", members, version="1.0")
        url = self._urls[queue] = str(answered.get("QueueUrl", ""))
        return url
