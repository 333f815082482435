"""Code signing configurations as AWS answers them.

Facts: LocalStack's recordings of AWS (Apache-2.0), test_code_signing_not_found_excs (2025-11-25).
"""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.functions import ARN, OTHER_CODE, bare, create, create_active, refusal, wait_updated
from tests.contract.in_process import ACCOUNT, ROLE, InProcessLambda

PUBLISHER = f"arn:aws:signer:us-east-1:{ACCOUNT}:/signing-profiles/test"
ABSENT = f"arn:aws:lambda:us-east-1:{ACCOUNT}:code-signing-config:csc-00000000000000000"
NOT_FOUND = (
    404,
    "ResourceNotFoundException",
    f"The Lambda code signing configuration {ABSENT} can not be found.",
)
FUNCTION_NAMES_ABSENT = (
    404,
    "CodeSigningConfigNotFoundException",
    f"The code signing configuration cannot be found. Check that the provided configuration is not deleted: {ABSENT}.",
)
BLOCKED = (
    400,
    "CodeVerificationFailedException",
    (
        "The code signature failed one or more of the validation checks for signature mismatch or expiry, "
        "and the code signing policy is set to ENFORCE. Lambda blocks the deployment."
    ),
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        yield server.client()


def create_config(client: Any, policy: str | None = None, **members: Any) -> dict[str, Any]:
    policies = {} if policy is None else {"CodeSigningPolicies": {"UntrustedArtifactOnDeployment": policy}}
    publishers = {"SigningProfileVersionArns": [PUBLISHER]}
    config: dict[str, Any] = client.create_code_signing_config(AllowedPublishers=publishers, **policies, **members)[
        "CodeSigningConfig"
    ]
    return config


def test_a_configuration_is_answered_as_it_was_given(client: Any) -> None:
    answer = client.create_code_signing_config(
        Description="Testing CodeSigning Config",
        AllowedPublishers={"SigningProfileVersionArns": [PUBLISHER]},
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"},
    )
    config = answer["CodeSigningConfig"]

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    identifier = config["CodeSigningConfigId"]
    assert config == {
        "CodeSigningConfigId": identifier,
        "CodeSigningConfigArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:code-signing-config:{identifier}",
        "Description": "Testing CodeSigning Config",
        "AllowedPublishers": {"SigningProfileVersionArns": [PUBLISHER]},
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Enforce"},
        "LastModified": config["LastModified"],
    }
    arn = config["CodeSigningConfigArn"]
    assert client.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"] == config
    unchanged = client.update_code_signing_config(CodeSigningConfigArn=arn)
    assert unchanged["CodeSigningConfig"] == config
    warning = client.update_code_signing_config(
        CodeSigningConfigArn=arn, CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Warn"}
    )["CodeSigningConfig"]
    assert warning["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"}
    assert warning["Description"] == "Testing CodeSigning Config"
    assert client.delete_code_signing_config(CodeSigningConfigArn=arn)["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(ClientError):
        client.get_code_signing_config(CodeSigningConfigArn=arn)


def test_unless_told_otherwise_a_configuration_warns(client: Any) -> None:
    config = create_config(client)

    assert config["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"}
    assert "Description" not in config


def test_what_is_not_there_is_refused_in_two_wordings(client: Any) -> None:
    create_active(client, "csc-absent")

    for call in (
        client.get_code_signing_config,
        client.update_code_signing_config,
        client.delete_code_signing_config,
        client.list_functions_by_code_signing_config,
    ):
        assert refusal(call, CodeSigningConfigArn=ABSENT) == NOT_FOUND
    with pytest.raises(ClientError) as caught:
        client.get_code_signing_config(CodeSigningConfigArn=ABSENT)
    assert "Type" not in caught.value.response
    for name in ("csc-absent", "csc-test-doesnotexist"):
        bind = client.put_function_code_signing_config
        assert refusal(bind, CodeSigningConfigArn=ABSENT, FunctionName=name) == FUNCTION_NAMES_ABSENT


def test_functions_that_are_not_there(client: Any) -> None:
    arn = create_config(client)["CodeSigningConfigArn"]
    expected = (404, "ResourceNotFoundException", f"Function not found: {ARN}:csc-test-doesnotexist")
    name = "csc-test-doesnotexist"

    assert refusal(client.put_function_code_signing_config, CodeSigningConfigArn=arn, FunctionName=name) == expected
    assert refusal(client.get_function_code_signing_config, FunctionName=name) == expected
    assert refusal(client.delete_function_code_signing_config, FunctionName=name) == expected


def test_a_function_uses_a_configuration_until_it_is_taken_away(client: Any) -> None:
    create_active(client, "csc-user")
    first, second = (create_config(client)["CodeSigningConfigArn"] for _ in range(2))
    assert bare(client.get_function_code_signing_config(FunctionName="csc-user")) == {}
    nothing = client.delete_function_code_signing_config(FunctionName="csc-user")
    assert nothing["ResponseMetadata"]["HTTPStatusCode"] == 204

    for arn in (first, second, second):
        bound = client.put_function_code_signing_config(FunctionName=f"{ARN}:csc-user", CodeSigningConfigArn=arn)
        assert bare(bound) == {"CodeSigningConfigArn": arn, "FunctionName": "csc-user"}
    assert bare(client.get_function_code_signing_config(FunctionName="csc-user")) == bare(bound)
    assert users(client, first) == []
    assert users(client, second) == [f"{ARN}:csc-user"]
    assert refusal(client.delete_code_signing_config, CodeSigningConfigArn=second)[:2] == (
        409,
        "ResourceConflictException",
    )
    client.delete_function_code_signing_config(FunctionName="csc-user")
    assert bare(client.get_function_code_signing_config(FunctionName="csc-user")) == {}
    assert users(client, second) == []
    client.delete_code_signing_config(CodeSigningConfigArn=second)


def test_a_deleted_function_uses_nothing(client: Any) -> None:
    arn = create_config(client)["CodeSigningConfigArn"]
    create(client, "csc-born-with", CodeSigningConfigArn=arn)
    assert users(client, arn) == [f"{ARN}:csc-born-with"]

    client.delete_function(FunctionName="csc-born-with")

    assert users(client, arn) == []


def test_enforcing_blocks_unsigned_code_and_warning_does_not(client: Any) -> None:
    enforced = create_config(client, "Enforce")["CodeSigningConfigArn"]
    request = {
        "FunctionName": "csc-blocked",
        "Runtime": "python3.12",
        "Role": ROLE,
        "Handler": "handler.handler",
        "Code": {"ZipFile": OTHER_CODE},
    }
    assert refusal(client.create_function, **request, CodeSigningConfigArn=enforced) == BLOCKED
    assert refusal(client.create_function, **request, CodeSigningConfigArn=ABSENT) == FUNCTION_NAMES_ABSENT
    create_active(client, "csc-blocked", CodeSigningConfigArn=create_config(client, "Warn")["CodeSigningConfigArn"])
    client.update_function_code(FunctionName="csc-blocked", ZipFile=OTHER_CODE)
    client.put_function_code_signing_config(FunctionName="csc-blocked", CodeSigningConfigArn=enforced)
    wait_updated(client, "csc-blocked")

    assert refusal(client.update_function_code, FunctionName="csc-blocked", ZipFile=OTHER_CODE) == BLOCKED
    client.update_function_configuration(FunctionName="csc-blocked", Timeout=9)


def test_pages_hold_every_configuration_and_every_user_once(tmp_path: Any) -> None:
    with InProcessLambda(tmp_path) as server:
        client = server.client()
        made = {create_config(client)["CodeSigningConfigArn"] for _ in range(7)}
        arn = min(made)
        for number in range(5):
            create(client, f"user-{number}", CodeSigningConfigArn=arn)

        configs = client.get_paginator("list_code_signing_configs").paginate(PaginationConfig={"PageSize": 3})
        pages = [[config["CodeSigningConfigArn"] for config in page["CodeSigningConfigs"]] for page in configs]
        assert [len(page) for page in pages] == [3, 3, 1]
        assert {shown for page in pages for shown in page} == made
        functions = client.get_paginator("list_functions_by_code_signing_config").paginate(
            CodeSigningConfigArn=arn, PaginationConfig={"PageSize": 2}
        )
        assert [page["FunctionArns"] for page in functions] == [
            [f"{ARN}:user-0", f"{ARN}:user-1"],
            [f"{ARN}:user-2", f"{ARN}:user-3"],
            [f"{ARN}:user-4"],
        ]


def test_tags_come_and_go(client: Any) -> None:
    arn = create_config(client, Tags={"key": "value"})["CodeSigningConfigArn"]

    assert client.list_tags(Resource=arn)["Tags"] == {"key": "value"}
    client.tag_resource(Resource=arn, Tags={"other": "one"})
    client.untag_resource(Resource=arn, TagKeys=["key"])
    assert client.list_tags(Resource=arn)["Tags"] == {"other": "one"}
    client.delete_code_signing_config(CodeSigningConfigArn=arn)
    assert refusal(client.list_tags, Resource=arn)[:2] == (404, "ResourceNotFoundException")


def users(client: Any, arn: str) -> list[str]:
    functions: list[str] = client.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"]
    return functions
