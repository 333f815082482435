"""Event source mappings as AWS answers them.

Facts: LocalStack's recordings of AWS (Apache-2.0), test_function_name_variations and test_tag_lifecycle (2025-11-25),
test_event_source_mapping_exceptions (2025-11-27).
"""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.event_sources import (
    BROKER,
    CLUSTER,
    DOCUMENTS,
    LOGIN,
    QUEUE,
    SELF_MANAGED,
    STREAM,
    TABLE,
    TARGET,
)
from tests.contract.functions import ARN, bare, create_active, refusal
from tests.contract.in_process import ACCOUNT, InProcessLambda

UUID = "0b2f6c1e-5b1e-4a55-9c3b-0a2b7d1f9c11"
NOT_FOUND = (404, "ResourceNotFoundException", "The resource you requested does not exist.")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        client = server.client()
        create_active(client, "consumer", Publish=True)
        client.create_alias(FunctionName="consumer", FunctionVersion="1", Name="myalias")
        yield client


def wait_state(client: Any, uuid: str, state: str | None) -> dict[str, Any]:
    """Wait until the mapping has this state; None until it is gone."""
    deadline = time.monotonic() + 10
    while True:
        try:
            mapping = bare(client.get_event_source_mapping(UUID=uuid))
        except client.exceptions.ResourceNotFoundException:
            mapping = {"State": None}
        if mapping["State"] == state:
            return mapping
        assert time.monotonic() < deadline, mapping


def delete(client: Any, uuid: str) -> None:
    client.delete_event_source_mapping(UUID=uuid)
    wait_state(client, uuid, None)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("consumer", ARN + ":consumer"),
        ("consumer:$LATEST", ARN + ":consumer:$LATEST"),
        ("consumer:1", ARN + ":consumer:1"),
        ("consumer:myalias", ARN + ":consumer:myalias"),
        (f"{ARN}:consumer", ARN + ":consumer"),
        (f"{ARN}:consumer:1", ARN + ":consumer:1"),
        (f"{ARN}:consumer:myalias", ARN + ":consumer:myalias"),
    ],
)
def test_a_mapping_keeps_the_qualifier_that_its_function_was_named_with(client: Any, given: str, shown: str) -> None:
    source = f"{QUEUE}-{given.rpartition(':')[2].strip('$')}-{len(given)}"
    answer = client.create_event_source_mapping(FunctionName=given, EventSourceArn=source)
    created = bare(answer)

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert created == {
        "UUID": created["UUID"],
        "EventSourceMappingArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:event-source-mapping:{created['UUID']}",
        "BatchSize": 10,
        "EventSourceArn": source,
        "FunctionArn": shown,
        "FunctionResponseTypes": [],
        "LastModified": created["LastModified"],
        "MaximumBatchingWindowInSeconds": 0,
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
    }
    assert wait_state(client, created["UUID"], "Enabled") == {**created, "State": "Enabled"}
    deleted = client.delete_event_source_mapping(UUID=created["UUID"])
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert deleted["State"] == "Deleting"
    wait_state(client, created["UUID"], None)
    assert refusal(client.get_event_source_mapping, UUID=created["UUID"]) == NOT_FOUND


SHARDS = {
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "FunctionResponseTypes": [],
    "LastProcessingResult": "No records processed",
    "MaximumBatchingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
    "StateTransitionReason": "User action",
    "TumblingWindowInSeconds": 0,
}
KAFKA = {"DestinationConfig": {"OnFailure": {}}, "FunctionResponseTypes": []}


@pytest.mark.parametrize(
    ("given", "added"),
    [
        ({"EventSourceArn": STREAM, "StartingPosition": "LATEST"}, SHARDS),
        ({"EventSourceArn": f"{STREAM}/consumer/one:1", "StartingPosition": "TRIM_HORIZON"}, SHARDS),
        ({"EventSourceArn": TABLE, "StartingPosition": "TRIM_HORIZON"}, SHARDS),
        ({"EventSourceArn": CLUSTER, "StartingPosition": "LATEST", "Topics": ["topic"]}, KAFKA),
        (
            {
                "SelfManagedEventSource": SELF_MANAGED,
                "StartingPosition": "LATEST",
                "Topics": ["topic"],
                "SourceAccessConfigurations": LOGIN,
            },
            KAFKA,
        ),
        ({"EventSourceArn": BROKER, "Queues": ["queue"], "SourceAccessConfigurations": LOGIN}, {}),
        (
            {
                "EventSourceArn": DOCUMENTS,
                "StartingPosition": "LATEST",
                "SourceAccessConfigurations": LOGIN,
                "DocumentDBEventSourceConfig": {"DatabaseName": "db", "FullDocument": "Default"},
            },
            {},
        ),
    ],
    ids=["kinesis", "kinesis-consumer", "dynamodb", "msk", "kafka", "mq", "documentdb"],
)
def test_each_kind_of_source_has_its_own_defaults(client: Any, given: Any, added: Any) -> None:
    created = bare(client.create_event_source_mapping(FunctionName="consumer", **given))

    groups = {name: value for name, value in created.items() if name.endswith("KafkaEventSourceConfig")}
    assert groups in ({}, {name: {"ConsumerGroupId": created["UUID"]} for name in groups})
    assert bool(groups) == (added is KAFKA)
    always = {"UUID", "EventSourceMappingArn", "FunctionArn", "LastModified", "State"}
    assert {name: value for name, value in created.items() if name not in always | set(groups)} == {
        "BatchSize": 100,
        "LastProcessingResult": "No records processed",
        "StateTransitionReason": "USER_INITIATED",
        **added,
        **given,
    }
    delete(client, created["UUID"])


def test_what_is_asked_of_mappings_that_are_not_there(client: Any) -> None:
    assert refusal(client.get_event_source_mapping, UUID=UUID) == NOT_FOUND
    assert refusal(client.delete_event_source_mapping, UUID=UUID) == NOT_FOUND
    assert refusal(client.update_event_source_mapping, UUID=UUID, Enabled=False) == NOT_FOUND


def test_a_source_feeds_a_function_once(client: Any) -> None:
    source = f"{QUEUE}-once"
    uuid = client.create_event_source_mapping(FunctionName="consumer", EventSourceArn=source)["UUID"]

    assert refusal(client.create_event_source_mapping, FunctionName="consumer", EventSourceArn=source) == (
        409,
        "ResourceConflictException",
        (
            f'An event source mapping with SQS arn (" {source} ") and function (" consumer ") already exists. '
            f"Please update or delete the existing mapping with UUID {uuid}"
        ),
    )
    other = client.create_event_source_mapping(FunctionName="consumer:myalias", EventSourceArn=source)["UUID"]
    assert refusal(client.update_event_source_mapping, UUID=other, FunctionName="consumer")[1] == (
        "ResourceConflictException"
    )
    delete(client, uuid)
    moved = client.update_event_source_mapping(UUID=other, FunctionName="consumer")
    assert moved["FunctionArn"] == f"{ARN}:consumer"
    client.create_event_source_mapping(FunctionName="consumer:myalias", EventSourceArn=source)


def test_streams_have_other_words_for_a_source_that_is_taken(client: Any) -> None:
    members = {"FunctionName": "consumer", "EventSourceArn": f"{STREAM}-taken", "StartingPosition": "LATEST"}
    uuid = client.create_event_source_mapping(**members)["UUID"]

    assert refusal(client.create_event_source_mapping, **members)[2] == (
        f'The event source arn (" {STREAM}-taken ") and function (" consumer ") provided mapping already exists. '
        f"Please update or delete the existing mapping with UUID {uuid}"
    )


def test_an_update_changes_what_it_names(client: Any) -> None:
    created = bare(
        client.create_event_source_mapping(
            FunctionName="consumer",
            EventSourceArn=f"{STREAM}-updated",
            StartingPosition="LATEST",
            FilterCriteria={"Filters": [{"Pattern": '{"data": {"a": [1]}}'}]},
            DestinationConfig={"OnFailure": {"Destination": TARGET}},
            Enabled=False,
        )
    )
    uuid = created["UUID"]
    disabled = wait_state(client, uuid, "Disabled")
    assert disabled == {**created, "State": "Disabled"}

    updating = bare(client.update_event_source_mapping(UUID=uuid, BatchSize=7))
    assert updating == {**created, "BatchSize": 7, "State": "Updating", "LastModified": updating["LastModified"]}
    assert wait_state(client, uuid, "Disabled")["BatchSize"] == 7
    enabling = client.update_event_source_mapping(UUID=uuid, Enabled=True)
    assert enabling["State"] == "Enabling"
    wait_state(client, uuid, "Enabled")
    emptied = bare(
        client.update_event_source_mapping(UUID=uuid, FilterCriteria={}, DestinationConfig={"OnFailure": {}})
    )
    assert "FilterCriteria" not in emptied
    assert emptied["DestinationConfig"] == {"OnFailure": {}}
    wait_state(client, uuid, "Enabled")
    assert client.update_event_source_mapping(UUID=uuid, Enabled=False)["State"] == "Disabling"
    wait_state(client, uuid, "Disabled")
    before = bare(client.get_event_source_mapping(UUID=uuid))
    client.update_event_source_mapping(UUID=uuid, BatchSize=7, Enabled=False)
    again = wait_state(client, uuid, "Disabled")
    assert again == {**before, "LastModified": again["LastModified"]}


def test_lists_show_what_is_asked_for_in_pages(tmp_path: Any) -> None:
    with InProcessLambda(tmp_path) as server:
        client = server.client()
        create_active(client, "one", Publish=True)
        create_active(client, "two")
        made = {
            client.create_event_source_mapping(FunctionName=name, EventSourceArn=f"{QUEUE}{number}")["UUID"]
            for number in range(5)
            for name in ("one", "two", "one:1")
        }

        def listed(**members: Any) -> list[list[str]]:
            pages = client.get_paginator("list_event_source_mappings").paginate(**members)
            return [[mapping["UUID"] for mapping in page["EventSourceMappings"]] for page in pages]

        pages = listed(PaginationConfig={"PageSize": 4})
        assert [len(page) for page in pages] == [4, 4, 4, 3]
        assert sorted(itertools.chain.from_iterable(pages)) == sorted(made)
        assert len(listed(EventSourceArn=f"{QUEUE}2")[0]) == 3
        assert len(listed(FunctionName="one")[0]) == 5
        assert len(listed(FunctionName=f"{ARN}:one:1", EventSourceArn=f"{QUEUE}2")[0]) == 1
        assert listed(EventSourceArn=TABLE) == [[]]


def test_tags_come_and_go(client: Any) -> None:
    created = client.create_event_source_mapping(
        FunctionName="consumer", EventSourceArn=f"{QUEUE}-tags", Tags={"A": "tag-a"}
    )
    arn = created["EventSourceMappingArn"]

    assert client.list_tags(Resource=arn)["Tags"] == {"A": "tag-a"}
    client.tag_resource(Resource=arn, Tags={"B": "tag-b", "C": "tag-c"})
    client.tag_resource(Resource=arn, Tags={"C": "tag-c-newsuffix", "D": "tag-d"})
    client.untag_resource(Resource=arn, TagKeys=["A", "absent"])
    assert client.list_tags(Resource=arn)["Tags"] == {"B": "tag-b", "C": "tag-c-newsuffix", "D": "tag-d"}
    delete(client, created["UUID"])
    assert refusal(client.list_tags, Resource=arn) == (
        404,
        "ResourceNotFoundException",
        f"Event source mapping not found: {arn}",
    )


def test_what_was_under_way_when_the_server_ended_is_brought_about(tmp_path: Any) -> None:
    with InProcessLambda(tmp_path) as server:
        client = server.client()
        create_active(client, "consumer")
        server.run(server.stop_reconciling())
        kept = client.create_event_source_mapping(FunctionName="consumer", EventSourceArn=QUEUE)["UUID"]
        gone = client.create_event_source_mapping(FunctionName="consumer", EventSourceArn=f"{QUEUE}2")["UUID"]

    with InProcessLambda(tmp_path) as server:
        client = server.client()
        wait_state(client, kept, "Enabled")
        client.delete_event_source_mapping(UUID=gone)
        wait_state(client, gone, None)
