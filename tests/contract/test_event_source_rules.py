"""What AWS refuses about event source mappings: members that a kind of source does not take or needs, and their values.

Facts: LocalStack's recordings of AWS (Apache-2.0), test_event_source_mapping_exceptions (2025-11-27). Wordings that are
not recorded are held only where users quote them in public.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.event_sources import (
    BROKER,
    CLUSTER,
    LOGIN,
    QUEUE,
    SELF_MANAGED,
    STREAM,
    TABLE,
    TARGET,
)
from tests.contract.functions import create_active, refusal
from tests.contract.in_process import ACCOUNT, InProcessLambda


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        client = server.client()
        create_active(client, "consumer", Publish=True)
        client.create_alias(FunctionName="consumer", FunctionVersion="1", Name="myalias")
        yield client


def refused(client: Any, **members: Any) -> str:
    """The words of an InvalidParameterValueException that creating a mapping must meet."""
    status, code, message = refusal(client.create_event_source_mapping, **{"FunctionName": "consumer", **members})
    assert (status, code) == (400, "InvalidParameterValueException")
    return message


def test_the_source_is_judged_before_the_function(client: Any) -> None:
    unsupported = "Unsupported DestinationConfig parameter for given event source mapping type."

    assert refused(client, FunctionName="unknown", EventSourceArn=QUEUE) == "Function does not exist"
    assert refused(client, FunctionName="consumer:absent", EventSourceArn=QUEUE) == "Function does not exist"
    assert refused(client, FunctionName="consumer:7", EventSourceArn=QUEUE) == "Function does not exist"
    assert refused(client, FunctionName="unknown", DestinationConfig={}) == "Unrecognized event source."
    assert refused(client, FunctionName="unknown", EventSourceArn="arn:aws:s3:::bucket") == "Unrecognized event source."
    for destination in ({"OnFailure": {"Destination": TARGET}}, {"OnSuccess": {"Destination": TARGET}}):
        members = {"EventSourceArn": QUEUE, "DestinationConfig": destination}
        assert refused(client, FunctionName="unknown", **members) == unsupported
    members = {"EventSourceArn": STREAM, "DestinationConfig": {"OnSuccess": {"Destination": TARGET}}}
    assert refused(client, StartingPosition="LATEST", **members) == unsupported


WINDOW = "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
NO_POSITION = (
    "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
    "Member must not be null."
)
NO_PATTERN = "Invalid filter pattern definition."


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"EventSourceArn": QUEUE, "BatchSize": 11}, WINDOW),
        (
            {"EventSourceArn": f"{QUEUE}.fifo", "BatchSize": 100, "MaximumBatchingWindowInSeconds": 5},
            "Batching window is not supported for FIFO queues",
        ),
        (
            {"EventSourceArn": QUEUE, "StartingPosition": "LATEST"},
            "StartingPosition is not valid for SQS event sources.",
        ),
        ({"EventSourceArn": STREAM}, NO_POSITION),
        ({"EventSourceArn": TABLE}, NO_POSITION),
        ({"EventSourceArn": STREAM, "StartingPosition": "AT_TIMESTAMP"}, "Need to specify a timestamp"),
        (
            {"EventSourceArn": TABLE, "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1},
            f"Unsupported starting position for arn type: {TABLE}",
        ),
        (
            {"SelfManagedEventSource": SELF_MANAGED, "StartingPosition": "LATEST", "Topics": ["topic"]},
            "Required 'sourceAccessConfigurations' parameter is missing.",
        ),
        ({"EventSourceArn": CLUSTER, "StartingPosition": "LATEST"}, "Required 'topics' parameter is missing."),
        *(
            ({"EventSourceArn": QUEUE, "FilterCriteria": {"Filters": [{"Pattern": pattern}]}}, NO_PATTERN)
            for pattern in ("null", '"simple string"', '{"eventSource": "aws:sqs"}', '{"eventSource": []}', "asdf", "")
        ),
        *(
            (
                {"EventSourceArn": QUEUE, member: value},
                f"Unsupported '{shown}' parameter for given event source mapping type.",
            )
            for member, shown, value in (
                ("ParallelizationFactor", "parallelizationFactor", 2),
                ("TumblingWindowInSeconds", "tumblingWindowInSeconds", 30),
                ("MaximumRetryAttempts", "maximumRetryAttempts", 1),
                ("Topics", "topics", ["topic"]),
                ("Queues", "queues", ["queue"]),
            )
        ),
    ],
)
def test_rules_between_members_in_aws_words(client: Any, members: Any, words: str) -> None:
    assert refused(client, **members) == words


@pytest.mark.parametrize(
    "members",
    [
        {"EventSourceArn": f"{QUEUE}.fifo", "BatchSize": 11},
        {"EventSourceArn": STREAM, "StartingPosition": "LATEST", "MaximumRecordAgeInSeconds": 59},
        {"EventSourceArn": STREAM, "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 33_000_000_000},
        {"EventSourceArn": STREAM, "StartingPosition": "LATEST", "ScalingConfig": {"MaximumConcurrency": 5}},
        {"EventSourceArn": QUEUE, "ProvisionedPollerConfig": {"MinimumPollers": 1}},
        {"EventSourceArn": QUEUE, "ProvisionedPollerConfig": {"MinimumPollers": 9, "MaximumPollers": 8}},
        {
            "EventSourceArn": QUEUE,
            "ProvisionedPollerConfig": {"MinimumPollers": 2},
            "ScalingConfig": {"MaximumConcurrency": 5},
        },
        {"EventSourceArn": QUEUE, "MetricsConfig": {"Metrics": ["KafkaMetrics"]}},
        {"EventSourceArn": QUEUE, "SelfManagedEventSource": SELF_MANAGED},
        {"EventSourceArn": BROKER, "SourceAccessConfigurations": LOGIN},
        {
            "EventSourceArn": BROKER,
            "Queues": ["queue"],
            "SourceAccessConfigurations": [{"Type": "VPC_SUBNET", "URI": "subnet"}],
        },
        {"EventSourceArn": QUEUE, "FilterCriteria": {"Filters": [{"Pattern": '{"body": ["a"]}'}] * 11}},
        {"EventSourceArn": f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/table", "StartingPosition": "LATEST"},
    ],
)
def test_rules_between_members(client: Any, members: Any) -> None:
    assert refused(client, **members)


def test_an_update_is_held_to_the_same_rules(client: Any) -> None:
    uuid = client.create_event_source_mapping(FunctionName="consumer", EventSourceArn=f"{QUEUE}-rules")["UUID"]
    invalid = (400, "InvalidParameterValueException")

    assert refusal(client.update_event_source_mapping, UUID=uuid, BatchSize=11) == (*invalid, WINDOW)
    assert refusal(client.update_event_source_mapping, UUID=uuid, FunctionName="unknown") == (
        *invalid,
        "Function does not exist",
    )
    assert refusal(client.update_event_source_mapping, UUID=uuid, ParallelizationFactor=2)[:2] == invalid
    client.update_event_source_mapping(UUID=uuid, BatchSize=11, MaximumBatchingWindowInSeconds=1)
    assert refusal(client.update_event_source_mapping, UUID=uuid, MaximumBatchingWindowInSeconds=0)[2] == WINDOW


def test_a_consumer_group_stays(client: Any) -> None:
    created = client.create_event_source_mapping(
        FunctionName="consumer",
        EventSourceArn=f"{CLUSTER}0",
        StartingPosition="LATEST",
        Topics=["topic"],
        AmazonManagedKafkaEventSourceConfig={"ConsumerGroupId": "readers"},
    )
    assert created["AmazonManagedKafkaEventSourceConfig"] == {"ConsumerGroupId": "readers"}

    assert refusal(
        client.update_event_source_mapping,
        UUID=created["UUID"],
        AmazonManagedKafkaEventSourceConfig={"ConsumerGroupId": "others"},
    )[:2] == (400, "InvalidParameterValueException")
