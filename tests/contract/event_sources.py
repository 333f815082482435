"""Event sources for the contract tests: an ARN of each kind, and what goes with it."""

from tests.contract.in_process import ACCOUNT

QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:queue"
STREAM = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/stream"
TABLE = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/table/stream/2025-11-25T00:00:00.000"
CLUSTER = f"arn:aws:kafka:us-east-1:{ACCOUNT}:cluster/demo/6357e0b2-0e6a-4b86-a0b4-70df934c2e31-5"
BROKER = f"arn:aws:mq:us-east-1:{ACCOUNT}:broker:demo:b-b4d492ef-bdc3-45e3-a781-cd1a3102ecca"
DOCUMENTS = f"arn:aws:rds:us-east-1:{ACCOUNT}:cluster:documents"
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:login"
TARGET = f"arn:aws:sqs:us-east-1:{ACCOUNT}:failures"
LOGIN = [{"Type": "BASIC_AUTH", "URI": SECRET}]
SELF_MANAGED = {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["broker.example:9092"]}}
