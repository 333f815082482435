"""The kinds of event sources: how one is recognised, what it takes, what it needs, and what it is given by default.

One table, so that a kind can be read in one place. Sources: the members' documentation in AWS's model, the guide's
page of each source, answers recorded on AWS (2025-11) for SQS. Pure; must not know mappings.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lamplighter.kernel.arn import Arn

_EVERYWHERE = frozenset({"BatchSize", "FilterCriteria", "KMSKeyArn", "MetricsConfig", "MaximumBatchingWindowInSeconds"})
_RETRIES = frozenset(
    {"DestinationConfig", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError", "MaximumRetryAttempts"}
)
_START = frozenset({"StartingPosition", "StartingPositionTimestamp"})
_SHARDS = _RETRIES | _START | {"ParallelizationFactor", "TumblingWindowInSeconds", "FunctionResponseTypes"}
_KAFKA = (
    _RETRIES
    | _START
    | {"Topics", "SourceAccessConfigurations", "ProvisionedPollerConfig", "FunctionResponseTypes", "LoggingConfig"}
)
_ANY_POSITION = frozenset({"TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"})
_NO_ACCESS: frozenset[str] = frozenset()
_BASIC = frozenset({"BASIC_AUTH"})
_NETWORK = frozenset({"VPC_SUBNET", "VPC_SECURITY_GROUP"})
_SCRAM = frozenset({"SASL_SCRAM_256_AUTH", "SASL_SCRAM_512_AUTH"})
_TLS = frozenset({"CLIENT_CERTIFICATE_TLS_AUTH", "SERVER_ROOT_CA_CERTIFICATE"})
_OAUTH = frozenset(
    {"OAUTHBEARER_AUTH", "OAUTHBEARER_SCOPE", "OAUTHBEARER_AUDIENCE", "OAUTHBEARER_LOGICAL_CLUSTER"}
    | {"OAUTHBEARER_IDENTITY_POOL", "IAM_AUTH", "IAM_OAUTHBEARER_AUTH"}
)

USER_INITIATED = "USER_INITIATED"
USER_ACTION = "User action"
NOTHING_YET = "No records processed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKind:
    """`takes` are the members that a mapping of this kind may have, `needs` those it must; `positions` where reading
    may start; `access` the types of SourceAccessConfigurations; `batch_limit` the largest batch. A mapping that has
    `result` shows what became of its last batch.
    """

    name: str
    resource: re.Pattern[str] | None
    takes: frozenset[str]
    # Any: defaults of different members.
    defaults: Mapping[str, Any]
    needs: tuple[str, ...] = ()
    positions: frozenset[str] = frozenset()
    access: frozenset[str] = _NO_ACCESS
    batch_limit: int = 10_000
    reason: str = USER_INITIATED
    result: str | None = None
    metrics: frozenset[str] = field(default=frozenset({"EventCount"}))


_QUEUE_DEFAULTS = {"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": []}
_SHARD_DEFAULTS = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "ParallelizationFactor": 1,
    "DestinationConfig": {"OnFailure": {}},
    "MaximumRecordAgeInSeconds": -1,
    "BisectBatchOnFunctionError": False,
    "MaximumRetryAttempts": -1,
    "TumblingWindowInSeconds": 0,
    "FunctionResponseTypes": [],
}
# Kafka, MQ and DocumentDB wait half a second by default, which no answer can say.
_KAFKA_DEFAULTS = {"BatchSize": 100, "DestinationConfig": {"OnFailure": {}}, "FunctionResponseTypes": []}
_KAFKA_METRICS = frozenset({"EventCount", "ErrorCount", "KafkaMetrics"})

SQS = SourceKind(
    name="sqs",
    resource=re.compile(r"sqs:(?!.*[/:])(?!.*\.fifo$).+"),
    takes=_EVERYWHERE | {"ScalingConfig", "ProvisionedPollerConfig", "FunctionResponseTypes"},
    defaults=_QUEUE_DEFAULTS,
)
SQS_FIFO = SourceKind(
    name="sqs-fifo",
    resource=re.compile(r"sqs:(?!.*[/:]).+\.fifo"),
    takes=SQS.takes,
    defaults=_QUEUE_DEFAULTS,
    batch_limit=10,
)
KINESIS = SourceKind(
    name="kinesis",
    resource=re.compile(r"kinesis:stream/[^/:]+(/consumer/.+)?"),
    takes=_EVERYWHERE | _SHARDS,
    defaults=_SHARD_DEFAULTS,
    positions=_ANY_POSITION,
    reason=USER_ACTION,
    result=NOTHING_YET,
)
DYNAMODB = SourceKind(
    name="dynamodb",
    resource=re.compile(r"dynamodb:table/[^/]+/stream/.+"),
    takes=_EVERYWHERE | _SHARDS,
    defaults=_SHARD_DEFAULTS,
    positions=frozenset({"TRIM_HORIZON", "LATEST"}),
    reason=USER_ACTION,
    result=NOTHING_YET,
)
MSK = SourceKind(
    name="msk",
    resource=re.compile(r"kafka:(cluster|vpc-connection)/.+"),
    takes=_EVERYWHERE | _KAFKA | {"AmazonManagedKafkaEventSourceConfig"},
    defaults=_KAFKA_DEFAULTS,
    needs=("Topics",),
    positions=_ANY_POSITION,
    access=_SCRAM | _TLS,
    result=NOTHING_YET,
    metrics=_KAFKA_METRICS,
)
SELF_MANAGED_KAFKA = SourceKind(
    name="kafka",
    resource=None,
    takes=_EVERYWHERE | _KAFKA | {"SelfManagedKafkaEventSourceConfig", "SelfManagedEventSource"},
    defaults=_KAFKA_DEFAULTS,
    needs=("SourceAccessConfigurations", "Topics"),
    positions=_ANY_POSITION,
    access=_BASIC | _NETWORK | _SCRAM | _TLS | _OAUTH,
    result=NOTHING_YET,
    metrics=_KAFKA_METRICS,
)
MQ = SourceKind(
    name="mq",
    resource=re.compile(r"mq:broker:.+"),
    takes=_EVERYWHERE | {"Queues", "SourceAccessConfigurations"},
    defaults={"BatchSize": 100},
    needs=("SourceAccessConfigurations", "Queues"),
    access=_BASIC | {"VIRTUAL_HOST"},
    result=NOTHING_YET,
)
DOCUMENTDB = SourceKind(
    name="documentdb",
    resource=re.compile(r"rds:cluster:.+"),
    takes=_EVERYWHERE | _START | {"DocumentDBEventSourceConfig", "SourceAccessConfigurations"},
    defaults={"BatchSize": 100},
    needs=("SourceAccessConfigurations", "DocumentDBEventSourceConfig"),
    positions=_ANY_POSITION,
    access=_BASIC,
    result=NOTHING_YET,
)

KINDS: Mapping[str, SourceKind] = {
    kind.name: kind for kind in (SQS, SQS_FIFO, KINESIS, DYNAMODB, MSK, SELF_MANAGED_KAFKA, MQ, DOCUMENTDB)
}


def recognise(arn: str) -> SourceKind | None:
    """The kind of the source that `arn` names; None for what cannot be a source."""
    parsed = Arn.parse(arn)
    if parsed is None:
        return None
    text = f"{parsed.service}:{parsed.resource}"
    for kind in KINDS.values():
        if kind.resource is not None and kind.resource.fullmatch(text):
            return kind
    return None
