"""CreateFunction to DeleteFunction as AWS answers them: members, states, revisions.

Facts: LocalStack's recordings of AWS (Apache-2.0), TestLambdaFunction::test_function_lifecycle,
test_lambda_code_location_zipfile, test_redundant_updates, TestLambdaRevisions (all 2025-11-25).
"""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.functions import ALWAYS, ARN, CODE, OTHER_CODE, bare, create, create_active, refusal, wait_updated
from tests.contract.in_process import InProcessLambda


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        yield server.client()


def test_a_new_function_is_pending_with_exactly_awss_members(client: Any) -> None:
    created = create(client, "new", Environment={"Variables": {}})

    assert set(created) == ALWAYS | {"Environment", "StateReason", "StateReasonCode"}
    assert created["State"] == "Pending"
    assert created["StateReason"] == "The function is being created."
    assert created["StateReasonCode"] == "Creating"
    assert created["Environment"] == {"Variables": {}}
    assert created["FunctionArn"] == f"{ARN}:new"
    assert created["Version"] == "$LATEST"
    assert created["CodeSize"] == len(CODE)
    assert created["CodeSha256"] == base64.b64encode(hashlib.sha256(CODE).digest()).decode()
    assert created["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/new"}
    assert created["SnapStart"] == {"ApplyOn": "None", "OptimizationStatus": "Off"}
    assert created["EphemeralStorage"] == {"Size": 512}
    assert created["TracingConfig"] == {"Mode": "PassThrough"}
    assert (created["Timeout"], created["MemorySize"], created["Description"]) == (3, 128, "")


def test_an_active_function_has_a_new_revision_and_no_reasons(client: Any) -> None:
    created = create_active(client, "active")

    answer = bare(client.get_function(FunctionName="active"))

    configuration = answer["Configuration"]
    assert set(answer) == {"Configuration", "Code"}
    assert set(answer["Code"]) == {"Location", "RepositoryType"}
    assert answer["Code"]["RepositoryType"] == "S3"
    assert set(configuration) == ALWAYS | {"LastUpdateStatus"}
    assert (configuration["State"], configuration["LastUpdateStatus"]) == ("Active", "Successful")
    assert configuration["RevisionId"] != created["RevisionId"]
    assert bare(client.get_function_configuration(FunctionName="active")) == configuration


def test_an_update_is_in_progress_then_successful_under_new_revisions(client: Any) -> None:
    create_active(client, "updated")
    before = client.get_function_configuration(FunctionName="updated")

    answer = bare(
        client.update_function_configuration(
            FunctionName="updated",
            Description="changed",
            Timeout=10,
            MemorySize=512,
            Runtime="python3.11",
            Environment={"Variables": {"ENV_A": "a"}},
        )
    )

    assert set(answer) == ALWAYS | {
        "Environment",
        "LastUpdateStatus",
        "LastUpdateStatusReason",
        "LastUpdateStatusReasonCode",
    }
    assert (answer["State"], answer["LastUpdateStatus"]) == ("Active", "InProgress")
    assert answer["LastUpdateStatusReason"] == "The function is being created."
    assert answer["LastUpdateStatusReasonCode"] == "Creating"
    assert (answer["Timeout"], answer["MemorySize"], answer["Runtime"]) == (10, 512, "python3.11")
    wait_updated(client, "updated")
    after = client.get_function_configuration(FunctionName="updated")
    assert after["LastUpdateStatus"] == "Successful"
    assert "LastUpdateStatusReason" not in after
    assert len({before["RevisionId"], answer["RevisionId"], after["RevisionId"]}) == 3


def test_a_redundant_update_changes_nothing_but_the_revision(client: Any) -> None:
    create_active(client, "redundant", Description="first", Layers=[])
    wait_updated(client, "redundant")
    client.update_function_configuration(FunctionName="redundant", Description="second")
    wait_updated(client, "redundant")
    first = bare(client.get_function_configuration(FunctionName="redundant"))

    client.update_function_configuration(FunctionName="redundant", Description="second")
    wait_updated(client, "redundant")

    second = bare(client.get_function_configuration(FunctionName="redundant"))
    assert first.pop("RevisionId") != second.pop("RevisionId")
    assert first.pop("LastModified") <= second.pop("LastModified")
    assert first == second


def test_new_code_has_a_new_digest(client: Any) -> None:
    create_active(client, "coded")

    answer = client.update_function_code(FunctionName="coded", ZipFile=OTHER_CODE)

    assert answer["CodeSha256"] == base64.b64encode(hashlib.sha256(OTHER_CODE).digest()).decode()
    assert answer["LastUpdateStatus"] == "InProgress"
    wait_updated(client, "coded")
    assert client.get_function(FunctionName="coded")["Configuration"]["CodeSha256"] == answer["CodeSha256"]


def test_a_dry_run_changes_nothing(client: Any) -> None:
    create_active(client, "dry")
    before = bare(client.get_function_configuration(FunctionName="dry"))

    answer = client.update_function_code(FunctionName="dry", ZipFile=OTHER_CODE, DryRun=True)

    assert answer["CodeSha256"] != before["CodeSha256"]
    assert bare(client.get_function_configuration(FunctionName="dry")) == before


@pytest.mark.parametrize("operation", ["update_function_code", "update_function_configuration"])
def test_an_update_during_an_update_is_refused(client: Any, operation: str) -> None:
    """test_lambda_concurrent_code_updates, test_lambda_concurrent_config_updates."""
    name = f"concurrent-{operation}"
    create_active(client, name)
    client.update_function_configuration(FunctionName=name, Description="first")

    members = {"ZipFile": OTHER_CODE} if operation == "update_function_code" else {"Description": "second"}

    assert refusal(getattr(client, operation), FunctionName=name, **members) == (
        409,
        "ResourceConflictException",
        f"The operation cannot be performed at this time. An update is in progress for resource: {ARN}:{name}",
    )


def test_an_update_right_after_creation_waits_for_it(client: Any) -> None:
    create(client, "hasty")

    assert client.update_function_configuration(FunctionName="hasty", Timeout=9)["Timeout"] == 9


def test_a_revision_id_must_be_the_current_one(client: Any) -> None:
    create_active(client, "guarded")
    revision = client.get_function_configuration(FunctionName="guarded")["RevisionId"]
    message = (
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
    )

    assert refusal(client.update_function_configuration, FunctionName="guarded", Timeout=5, RevisionId="other") == (
        412,
        "PreconditionFailedException",
        message,
    )
    assert refusal(client.update_function_code, FunctionName="guarded", ZipFile=OTHER_CODE, RevisionId="other") == (
        412,
        "PreconditionFailedException",
        message,
    )
    client.update_function_configuration(FunctionName="guarded", Timeout=5, RevisionId=revision)


def test_a_function_exists_once(client: Any) -> None:
    create(client, "twice")

    assert refusal(
        client.create_function,
        FunctionName="twice",
        Runtime="python3.12",
        Role="arn:aws:iam::111111111111:role/r",
        Handler="handler.handler",
        Code={"ZipFile": CODE},
    ) == (409, "ResourceConflictException", "Function already exist: twice")


def test_a_deleted_function_is_gone(client: Any) -> None:
    create_active(client, "doomed", Publish=True, Tags={"Team": "a"})

    answer = client.delete_function(FunctionName="doomed")

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(client.delete_function, FunctionName="doomed") == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}:doomed",
    )
    assert refusal(client.get_function, FunctionName="doomed", Qualifier="1")[0] == 404
    create_active(client, "doomed")
    assert "Tags" not in client.get_function(FunctionName="doomed")


def test_functions_are_listed_by_name_without_what_changes_by_itself(client: Any) -> None:
    for number in range(3):
        create_active(client, f"listed-{number}", Publish=number == 0)

    functions = []
    marker = None
    while True:
        page = client.list_functions(MaxItems=2, **({"Marker": marker} if marker else {}))
        assert len(page["Functions"]) <= 2
        functions += page["Functions"]
        marker = page.get("NextMarker")
        if marker is None:
            break

    listed = [function for function in functions if function["FunctionName"].startswith("listed-")]
    assert [function["FunctionName"] for function in listed] == ["listed-0", "listed-1", "listed-2"]
    assert set(listed[0]) == ALWAYS - {"State", "RuntimeVersionConfig"}
    paginator = client.get_paginator("list_functions").paginate(FunctionVersion="ALL", PaginationConfig={"PageSize": 2})
    arns = [function["FunctionArn"] for page in paginator for function in page["Functions"]]
    assert [arn for arn in arns if ":listed-0:" in arn] == [f"{ARN}:listed-0:$LATEST", f"{ARN}:listed-0:1"]
    assert len(arns) == len(set(arns))


def test_account_settings_tell_what_is_used(tmp_path: Any) -> None:
    """TestLambdaAccountSettings::test_account_settings_total_code_size (2025-11-25): versions count as well."""
    with InProcessLambda(tmp_path) as server:
        client = server.client()
        create_active(client, "used")
        assert bare(client.get_account_settings()) == {
            "AccountLimit": {
                "TotalCodeSize": 80530636800,
                "CodeSizeUnzipped": 262144000,
                "CodeSizeZipped": 52428800,
                "ConcurrentExecutions": 1000,
                "UnreservedConcurrentExecutions": 1000,
            },
            "AccountUsage": {"TotalCodeSize": len(CODE), "FunctionCount": 1},
        }
        client.update_function_code(FunctionName="used", ZipFile=OTHER_CODE, Publish=True)
        assert client.get_account_settings()["AccountUsage"] == {
            "TotalCodeSize": 2 * len(OTHER_CODE),
            "FunctionCount": 1,
        }
        client.delete_function(FunctionName="used")
        assert client.get_account_settings()["AccountUsage"] == {"TotalCodeSize": 0, "FunctionCount": 0}


def test_another_account_and_region_do_not_see_it(tmp_path: Any) -> None:
    with InProcessLambda(tmp_path) as server:
        create_active(server.client(), "mine")

        assert server.client(account="222222222222").list_functions()["Functions"] == []
        assert server.client(region="eu-west-1").list_functions()["Functions"] == []
        status, code, message = refusal(server.client(account="222222222222").get_function, FunctionName=f"{ARN}:mine")
        assert (status, code) == (403, "AccessDeniedException")
        assert message == (
            "User: arn:aws:iam::222222222222:root is not authorized to perform: lambda:GetFunction on resource: "
            f"{ARN}:mine because no resource-based policy allows the lambda:GetFunction action"
        )
