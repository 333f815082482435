"""Packages that are too large, and objects that are not there: recorded answers, on a server with its real limits."""

import io
import random
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.in_process import ACCOUNT
from tests.contract.live_server import LiveServer, start_server
from tests.contract.recorded_answers import ask, recording
from tests.contract.recorded_world import Functions
from tests.moto_server import moto_server

MEGABYTE = 1_000_000
LEAST = {
    "FunctionName": "refused",
    "Runtime": "python3.12",
    "Handler": "handler.handler",
    "Role": f"arn:aws:iam::{ACCOUNT}:role/any",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def buckets() -> Iterator[Any]:
    with moto_server() as moto:
        client = moto.client("s3")
        client.create_bucket(Bucket="packages")
        yield moto


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory, buckets: Any) -> Iterator[Functions]:
    settings = {**buckets.settings("s3"), "LAMPLIGHTER_INSTALL_RUNTIMES": "false"}
    folder = tmp_path_factory.mktemp("packages") / "data"
    server = start_server("dev", folder, "--account-id", ACCOUNT, environment=settings)
    as_account = LiveServer(
        server.process, server.endpoint, server.data_dir, server.log, server.region, (ACCOUNT, "any")
    )
    yield Functions(as_account.client())
    server.stop()


def test_objects_that_are_not_there_are_refused_as_recorded(functions: Functions) -> None:
    client, name = functions.client, functions.make()
    places = {
        "wrong-bucket": {"S3Bucket": "some-bucket-that-is-not-there", "S3Key": "code.zip"},
        "wrong-key": {"S3Bucket": "packages", "S3Key": "code.zip"},
    }
    with recording("TestLambdaFunction::test_lambda_code_location_s3_errors") as facts:
        for step, place in places.items():
            facts.hold(f"create-error-{step}", ask(client.create_function, **LEAST, Code=place))
            facts.hold(f"update-error-{step}", ask(client.update_function_code, FunctionName=name, **place))


def test_a_package_that_unpacks_to_nearly_the_limit_is_taken(functions: Functions, buckets: Any) -> None:
    with recording("TestLambdaSizeLimits::test_large_lambda") as facts:
        buckets.client("s3").put_object(Bucket="packages", Key="large", Body=_unpacking_to(261 * MEGABYTE))
        functions.create(facts, "create_function_large_zip", Code={"S3Bucket": "packages", "S3Key": "large"})


@pytest.mark.parametrize("scenario", ["test_oversized_lambda", "test_oversized_unzipped_lambda"])
def test_a_package_that_unpacks_to_more_is_refused_as_recorded(
    functions: Functions, buckets: Any, scenario: str
) -> None:
    buckets.client("s3").put_object(Bucket="packages", Key="larger", Body=_unpacking_to(263 * MEGABYTE))
    with recording(f"TestLambdaSizeLimits::{scenario}") as facts:
        code = {"S3Bucket": "packages", "S3Key": "larger"}
        facts.hold("invalid_param_exc", ask(functions.client.create_function, **LEAST, Code=code))


@pytest.mark.parametrize(
    ("scenario", "size"),
    [("test_oversized_zipped_create_lambda", 52_428_801), ("test_oversized_request_create_lambda", 60 * MEGABYTE)],
)
def test_more_bytes_than_a_request_may_have_are_refused_as_recorded(
    functions: Functions, scenario: str, size: int
) -> None:
    code = {"ZipFile": random.Random(1).randbytes(size)}
    with recording(f"TestLambdaSizeLimits::{scenario}") as facts:
        facts.hold("invalid_param_exc", ask(functions.client.create_function, **LEAST, Code=code))


def _unpacking_to(size: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("handler.py", "def handler(event, context):\n    return event\n")
        with archive.open("filling", "w") as filling:
            for _ in range(size // MEGABYTE):
                filling.write(bytes(MEGABYTE))
    return buffer.getvalue()
