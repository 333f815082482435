"""The table of endpoints: read from file and environment, refused when something in it is misspelt."""

from pathlib import Path

import pytest

from lamplighter.aws_client.endpoints import Endpoint
from lamplighter.config import ConfigurationRefused, read_configuration


def test_endpoints_come_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "lamplighter.toml"
    file.write_text('[endpoints.sqs]\nurl = "http://127.0.0.1:9324"\nregion = "eu-west-1"\n')

    configuration = read_configuration({"config": str(file)}, {}, is_root=False)

    assert configuration.endpoints == {"sqs": Endpoint(url="http://127.0.0.1:9324", region="eu-west-1")}


def test_endpoints_come_from_the_environment() -> None:
    environment = {
        "LAMPLIGHTER_ENDPOINTS_S3_URL": "https://s3.example.com",
        "LAMPLIGHTER_ENDPOINTS_S3_ACCESS_KEY_ID": "id",
        "LAMPLIGHTER_ENDPOINTS_S3_SECRET_ACCESS_KEY": "secret",
        "LAMPLIGHTER_ENDPOINTS_EVENTS_URL": "http://127.0.0.1:1",
    }

    configuration = read_configuration({}, environment, is_root=False)

    assert set(configuration.endpoints) == {"s3", "events"}
    assert configuration.endpoints["s3"].secret_access_key == "secret"
    assert "secret" not in repr(configuration)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"LAMPLIGHTER_ENDPOINTS_SQS_REGION": "eu-west-1"}, "needs a url"),
        ({"LAMPLIGHTER_ENDPOINTS_SQS_URL": "127.0.0.1:1"}, "needs a url"),
        ({"LAMPLIGHTER_ENDPOINTS_SQS_ADDRESS": "http://x"}, "known are"),
        ({"LAMPLIGHTER_ENDPOINTS_SQS_URL": "http://x", "LAMPLIGHTER_ENDPOINTS_SQS_ACCESS_KEY_ID": "k"}, "together"),
        ({"LAMPLIGHTER_ENDPOINTS": "http://x"}, "tables"),
        ({"LAMPLIGHTER_ASYNC_TIME_SCALE": "0"}, "above 0"),
        ({"LAMPLIGHTER_ASYNC_CONCURRENCY": "0"}, "from 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(environment: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationRefused, match=said):
        read_configuration({}, environment, is_root=False)
