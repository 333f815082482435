"""How each kind of destination is addressed: SQS, SNS, EventBridge, S3 and Lambda, by the target's ARN.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html. Must not know queues or
retries.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

from lamplighter.aws.errors import AwsError, ResourceNotFoundException
from lamplighter.aws_client import events, lambda_invoke, s3, sns
from lamplighter.aws_client.client import AwsClient, CallRefused, Place
from lamplighter.aws_client.sqs import Sqs
from lamplighter.invocation.asynchronous.delivery import Delivery
from lamplighter.invocation.request import InvokeRequest, InvokeResult
from lamplighter.kernel.arn import Arn, lambda_arn
from lamplighter.kernel.ids import Ids

_UNUSABLE = 400


class Door(Protocol):
    """Where functions of our own are invoked."""

    async def invoke(self, request: InvokeRequest) -> InvokeResult: ...


class Targets:
    """`send` one delivery to where it belongs."""

    def __init__(self, client: AwsClient, door: Callable[[], Door], ids: Ids) -> None:
        self._client = client
        self._door = door
        self._ids = ids
        self._sqs = Sqs(client)
        self._by_service: dict[str, Callable[[Arn, Delivery, bytes], Awaitable[None]]] = {
            "sqs": self._to_queue,
            "sns": self._to_topic,
            "events": self._to_bus,
            "s3": self._to_bucket,
            "lambda": self._to_function,
        }

    async def send(self, delivery: Delivery, body: bytes) -> None:
        """Return when the target has it. Raises EndpointMissing, CallRefused or CallFailed."""
        arn = Arn.parse(delivery.target)
        send = self._by_service.get(arn.service) if arn is not None else None
        if arn is None or send is None:
            raise CallRefused("InvalidDestination", f"nothing is known about {delivery.target}", _UNUSABLE)
        await send(arn, delivery, body)

    async def _to_queue(self, arn: Arn, delivery: Delivery, body: bytes) -> None:
        await self._sqs.send_message(arn, body.decode("utf-8", "replace"), delivery.attributes, delivery.trace_header)

    async def _to_topic(self, arn: Arn, delivery: Delivery, body: bytes) -> None:
        text = body.decode("utf-8", "replace")
        await sns.publish(self._client, arn, text, delivery.attributes, delivery.trace_header)

    async def _to_bus(self, arn: Arn, delivery: Delivery, body: bytes) -> None:
        function = lambda_arn(
            delivery.region, delivery.account_id, "function", delivery.function_name, delivery.qualifier
        )
        outcome = "Success" if delivery.is_success else "Failure"
        await events.put_event(
            self._client,
            arn,
            source="lambda",
            detail_type=f"Lambda Function Invocation Result - {outcome}",
            resources=[arn.text, function],
            detail=body.decode("utf-8", "replace"),
            trace_header=delivery.trace_header,
        )

    async def _to_bucket(self, arn: Arn, delivery: Delivery, body: bytes) -> None:
        # AWS puts a random id at the end; the request's own makes a second delivery replace the first.
        at = datetime.fromtimestamp(delivery.created_at, UTC)
        key = f"aws/lambda/async/{delivery.function_name}/{at:%Y/%m/%d}/{at:%Y-%m-%dT%H.%M.%S}-{delivery.request_id}"
        place = Place(delivery.account_id, delivery.region)
        await s3.put_object(self._client, place, arn.resource, key, body, "application/json", delivery.trace_header)

    async def _to_function(self, arn: Arn, delivery: Delivery, body: bytes) -> None:
        """Our own function if there is one; else the one behind the Lambda endpoint, where one is set."""
        _, _, name = arn.resource.partition(":")
        name, _, qualifier = name.partition(":")
        request = InvokeRequest(
            request_id=self._ids.uuid(),
            account_id=arn.account_id,
            region=arn.region,
            function_name=name,
            qualifier=qualifier or None,
            invocation_type="Event",
            payload=body,
            trace_header=delivery.trace_header,
            invoked_arn=arn.text,
        )
        try:
            await self._door().invoke(request)
        except AwsError as error:
            if isinstance(error, ResourceNotFoundException) and self._client.has("lambda"):
                await lambda_invoke.invoke_event(self._client, arn, body, delivery.trace_header)
            else:
                raise CallRefused(error.code, error.message, error.status) from error
