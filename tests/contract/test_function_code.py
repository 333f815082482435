"""Code of functions, zips and images: taken, measured, described, or refused in AWS's words.

Facts: LocalStack's recordings of AWS (Apache-2.0), the TestLambda* named beside each test (2025-11-25; exceptions,
SnapStart and runtimes 2026-01-12; sizes 2022-09-30 to 2025-11-25).
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.functions import ALWAYS, CODE, OTHER_CODE, bare, create, create_active, refusal, wait_updated
from tests.contract.in_process import ROLE, InProcessLambda, zip_of

MIB = 1024 * 1024
RUNTIMES = (
    "[nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, "
    "python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, "
    "java11, dotnet6, nodejs18.x, provided.al2, java8.al2] or be a valid ARN"
)
IMAGE = "111111111111.dkr.ecr.us-east-1.amazonaws.com/repository"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        yield server.client(validate=False)


def creation(client: Any, **members: Any) -> tuple[int, str, str]:
    request = {
        "FunctionName": "refused",
        "Runtime": "python3.12",
        "Role": ROLE,
        "Handler": "handler.handler",
        "Code": {"ZipFile": CODE},
        **members,
    }
    return refusal(client.create_function, **{member: value for member, value in request.items() if value is not None})


def update(client: Any, name: str, **members: Any) -> dict[str, Any]:
    """An update, and the configuration when it has ended."""
    client.update_function_configuration(FunctionName=name, **members)
    wait_updated(client, name)
    return bare(client.get_function_configuration(FunctionName=name))


@pytest.mark.parametrize("missing", ["Runtime", "Handler"])
def test_a_zip_needs_runtime_and_handler(client: Any, missing: str) -> None:
    assert creation(client, **{missing: None}) == (
        400,
        "InvalidParameterValueException",
        "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            {"ZipFile": b"this is not a zip file"},
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ),
        ({"ZipFile": zip_of()}, "Uploaded file must be a non-empty zip"),
        (
            {"ZipFile": CODE, "S3Bucket": "bucket", "S3Key": "key"},
            "Please do not provide other FunctionCode parameters when providing a ZipFile.",
        ),
        ({}, "Please provide a source for function code."),
        (
            {"S3Bucket": "bucket-that-is-missing", "S3Key": "key"},
            (
                "Error occurred while GetObject. S3 Error Code: NoSuchBucket. "
                "S3 Error Message: The specified bucket does not exist"
            ),
        ),
    ],
)
def test_unusable_code_is_refused(client: Any, code: dict[str, Any], message: str) -> None:
    create_active(client, f"code-{len(message)}")

    assert creation(client, Code=code) == (400, "InvalidParameterValueException", message)
    assert refusal(client.update_function_code, FunctionName=f"code-{len(message)}", **code)[2] == message


def test_a_large_zip_is_taken_and_a_larger_one_refused(client: Any) -> None:
    """test_oversized_zipped_create_lambda, test_oversized_unzipped_lambda."""
    assert creation(client, Code={"ZipFile": b"0" * (50 * MIB + 1)}) == (
        413,
        "RequestEntityTooLargeException",
        "Zipped size must be smaller than 52428800 bytes",
    )


def test_code_is_limited_unzipped_as_well(tmp_path: Any) -> None:
    from lamplighter.kernel.limits import Limits

    with InProcessLambda(tmp_path, limits=Limits(unzipped_code_bytes=1000)) as server:
        assert creation(server.client(), Code={"ZipFile": zip_of(handler="#" * 1001)}) == (
            400,
            "InvalidParameterValueException",
            "Unzipped size must be smaller than 1000 bytes",
        )
        create(server.client(), "fitting", Code={"ZipFile": zip_of(handler="#" * 900)})


def create_image(client: Any, name: str, **members: Any) -> dict[str, Any]:
    return create_active(
        client,
        name,
        PackageType="Image",
        Runtime=None,
        Handler=None,
        Code={"ImageUri": f"{IMAGE}:latest"},
        **members,
    )


def test_an_image_has_no_runtime_and_no_handler(client: Any) -> None:
    """TestLambdaImages::test_lambda_image_crud."""
    created = create_image(client, "image", Environment={"Variables": {"CUSTOM_ENV": "test"}})

    assert set(created) == (ALWAYS - {"Handler", "Runtime", "RuntimeVersionConfig"}) | {
        "Environment",
        "StateReason",
        "StateReasonCode",
    }
    assert created["CodeSize"] == 0
    assert client.get_function(FunctionName="image")["Code"] == {
        "ImageUri": f"{IMAGE}:latest",
        "RepositoryType": "ECR",
        "ResolvedImageUri": f"{IMAGE}@sha256:{created['CodeSha256']}",
    }
    assert refusal(client.update_function_code, FunctionName="image", ZipFile=CODE) == (
        400,
        "InvalidParameterValueException",
        "Please provide ImageUri when updating a function with packageType Image.",
    )
    updated = client.update_function_code(FunctionName="image", ImageUri=f"{IMAGE}-2:latest")
    assert updated["CodeSha256"] != created["CodeSha256"]
    assert client.get_function(FunctionName="image")["Code"]["ImageUri"] == f"{IMAGE}-2:latest"


def test_an_image_configuration_is_replaced_as_a_whole(client: Any) -> None:
    """TestLambdaImages::test_lambda_image_and_image_config_crud."""
    given = {"EntryPoint": ["sh"], "Command": ["-c", "echo test"], "WorkingDirectory": "/app1"}
    created = create_image(client, "image-config", ImageConfig=given)

    assert created["ImageConfigResponse"] == {"ImageConfig": given}
    changed = {"Command": ["-c", "echo test1"], "WorkingDirectory": "/app1"}
    assert update(client, "image-config", ImageConfig=changed)["ImageConfigResponse"] == {"ImageConfig": changed}
    assert "ImageConfigResponse" not in update(client, "image-config", ImageConfig={})


def test_kinds_of_packages_are_not_mixed(client: Any) -> None:
    create_active(client, "zip-only")

    assert refusal(client.update_function_code, FunctionName="zip-only", ImageUri=f"{IMAGE}:latest")[:2] == (
        400,
        "InvalidParameterValueException",
    )
    assert creation(client, PackageType="Image", Code={"ImageUri": f"{IMAGE}:latest"}) == (
        400,
        "InvalidParameterValueException",
        "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.",
    )
    assert OTHER_CODE != CODE
