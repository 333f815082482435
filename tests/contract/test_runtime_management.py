"""When a function's runtime is brought up to date: each version's own setting.

Facts: the API reference of PutRuntimeManagementConfig and GetRuntimeManagementConfig (an ARN in mode Manual only).
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.functions import ARN, bare, create_active, refusal, wait_updated
from tests.contract.in_process import InProcessLambda


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        yield server.client(validate=False)


@pytest.fixture
def name(client: Any, request: pytest.FixtureRequest) -> str:
    name = f"f{abs(hash(request.node.name))}"
    create_active(client, name)
    return name


def runtime_version(client: Any, name: str) -> str:
    configuration = client.get_function_configuration(FunctionName=name)
    arn: str = configuration["RuntimeVersionConfig"]["RuntimeVersionArn"]
    return arn


def test_modes_are_kept_and_auto_is_what_nobody_chose(client: Any, name: str) -> None:
    arn = f"{ARN}:{name}"
    auto = {"UpdateRuntimeOn": "Auto", "FunctionArn": arn}
    assert bare(client.get_runtime_management_config(FunctionName=name)) == auto
    pinned = {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": runtime_version(client, name)}
    for members in ({"UpdateRuntimeOn": "FunctionUpdate"}, pinned, {"UpdateRuntimeOn": "Auto"}):
        put = bare(client.put_runtime_management_config(FunctionName=name, **members))
        assert put == {**members, "FunctionArn": arn}
        assert bare(client.get_runtime_management_config(FunctionName=name)) == put
    assert bare(client.get_runtime_management_config(FunctionName=name, Qualifier="$LATEST")) == {
        **auto,
        "FunctionArn": f"{arn}:$LATEST",
    }


def test_a_change_is_a_revision_and_no_change_is_none(client: Any, name: str) -> None:
    revisions = []
    for mode in ("FunctionUpdate", "FunctionUpdate", "Auto"):
        client.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn=mode)
        revisions.append(client.get_function_configuration(FunctionName=name)["RevisionId"])
    assert revisions[0] == revisions[1] != revisions[2]


def test_a_version_keeps_the_setting_that_it_was_published_with(client: Any, name: str) -> None:
    client.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn="FunctionUpdate")
    client.publish_version(FunctionName=name)
    client.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn="Auto")
    read = client.get_runtime_management_config
    assert read(FunctionName=name, Qualifier="1")["UpdateRuntimeOn"] == "FunctionUpdate"
    put = client.put_runtime_management_config(FunctionName=f"{name}:1", UpdateRuntimeOn="Auto")
    assert bare(put) == {"UpdateRuntimeOn": "Auto", "FunctionArn": f"{ARN}:{name}:1"}
    assert read(FunctionName=name, Qualifier="1")["UpdateRuntimeOn"] == "Auto"


def test_another_runtime_is_managed_automatically_again(client: Any, name: str) -> None:
    pinned = runtime_version(client, name)
    client.put_runtime_management_config(FunctionName=name, UpdateRuntimeOn="Manual", RuntimeVersionArn=pinned)
    client.update_function_configuration(FunctionName=name, Description="the same runtime")
    wait_updated(client, name)
    assert client.get_runtime_management_config(FunctionName=name)["UpdateRuntimeOn"] == "Manual"
    client.update_function_configuration(FunctionName=name, Runtime="python3.13")
    wait_updated(client, name)
    assert client.get_runtime_management_config(FunctionName=name)["UpdateRuntimeOn"] == "Auto"
    assert runtime_version(client, name) != pinned


@pytest.mark.parametrize(
    "members",
    [
        {"UpdateRuntimeOn": "Manual"},
        {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": "arn:aws:lambda:us-east-1::runtime:0123abcd"},
        {"UpdateRuntimeOn": "Auto", "RuntimeVersionArn": "arn:aws:lambda:us-east-1::runtime:0123abcd"},
        {"UpdateRuntimeOn": "Auto", "Qualifier": "an-alias"},
    ],
)
def test_what_makes_no_sense_is_refused(client: Any, name: str, members: dict[str, str]) -> None:
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="an-alias", FunctionVersion="1")
    status, code, _ = refusal(client.put_runtime_management_config, FunctionName=name, **members)
    assert (status, code) == (400, "InvalidParameterValueException")
    assert client.get_runtime_management_config(FunctionName=name)["UpdateRuntimeOn"] == "Auto"


def test_functions_and_versions_that_are_not_there(client: Any, name: str) -> None:
    for members, missing in (
        ({"FunctionName": "nowhere"}, f"{ARN}:nowhere"),
        ({"FunctionName": name, "Qualifier": "7"}, f"{ARN}:{name}:7"),
    ):
        expected = (404, "ResourceNotFoundException", f"Function not found: {missing}")
        assert refusal(client.get_runtime_management_config, **members) == expected
        assert refusal(client.put_runtime_management_config, **members, UpdateRuntimeOn="Auto") == expected
