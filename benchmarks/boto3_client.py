"""boto3 calling Invoke in a loop, in a process of its own, because boto3 costs more CPU than the whole raw path.

One question is one window: {endpoint, access_key, secret_key, region, function, seconds}; one answer each.
"""

import json
import sys
import time
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.statistics_of_pairs import percentile

PAYLOAD = b'{"a":1}'


def _client(question: dict[str, Any]) -> Any:  # Any: boto3's client classes are made at run time
    return boto3.client(
        "lambda",
        endpoint_url=question["endpoint"],
        region_name=question["region"],
        aws_access_key_id=question["access_key"],
        aws_secret_access_key=question["secret_key"],
        config=Config(retries={"max_attempts": 0}, connect_timeout=10, read_timeout=30),
    )


def _invoke(client: Any, function: str) -> bool:  # Any: see _client
    answer = client.invoke(FunctionName=function, Payload=PAYLOAD)
    body = answer["Payload"].read()
    return answer["StatusCode"] == 200 and "FunctionError" not in answer and json.loads(body) == json.loads(PAYLOAD)


def measure(client: Any, function: str, seconds: float) -> dict[str, Any]:  # Any: see _client
    latencies: list[float] = []
    wrong, cpu = 0, time.process_time()
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        wrong += not _invoke(client, function)
        latencies.append(time.perf_counter() - start)
    ordered = sorted(latencies)
    return {
        "requests": len(ordered),
        "wrong": wrong,
        "p50_ms": percentile(ordered, 0.50) * 1000,
        "p99_ms": percentile(ordered, 0.99) * 1000,
        "client_cpu_us": (time.process_time() - cpu) / len(ordered) * 1e6,
    }


def main() -> None:
    clients: dict[str, Any] = {}
    for line in sys.stdin:
        question = json.loads(line)
        client = clients.setdefault(question["endpoint"], None) or _client(question)
        clients[question["endpoint"]] = client
        print(json.dumps(measure(client, question["function"], question["seconds"])), flush=True)


if __name__ == "__main__":
    main()
