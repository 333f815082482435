"""Functions from creation to deletion, their settings, images and limits: recorded answers."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.functions import CODE, OTHER_CODE
from tests.contract.in_process import ACCOUNT, REGION, ROLE, zip_of
from tests.contract.recorded_answers import Recording, ask, family, recording
from tests.contract.recorded_world import Functions, slow_server

LEAST = {"FunctionName": "refused", "Handler": "handler.handler", "Role": ROLE, "Code": {"ZipFile": CODE}}
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/repository"


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    with slow_server(tmp_path_factory.mktemp("lambda")) as server:
        yield Functions(server.client())


@pytest.fixture(scope="module")
def unchecked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client that sends what boto3 would refuse itself."""
    with slow_server(tmp_path_factory.mktemp("lambda")) as server:
        yield server.client(validate=False)


def test_a_function_lives_as_recorded(functions: Functions) -> None:
    client = functions.client
    with recording("TestLambdaFunction::test_function_lifecycle") as facts:
        name = functions.create(facts, "create_response", Environment={"Variables": {}})
        facts.hold("get_function_response", ask(client.get_function, FunctionName=name))
        shown = facts.expected("update_func_conf_response")
        changes = {member: shown[member] for member in ("Description", "Timeout", "MemorySize", "Environment")}
        facts.hold("update_func_conf_response", ask(client.update_function_configuration, FunctionName=name, **changes))
        functions.wait_updated(name)
        facts.hold("get_function_response_postupdate", ask(client.get_function, FunctionName=name))
        facts.hold("update_code_response", ask(client.update_function_code, FunctionName=name, ZipFile=OTHER_CODE))
        functions.wait_updated(name)
        facts.hold("get_function_response_postcodeupdate", ask(client.get_function, FunctionName=name))
        facts.hold("delete_response", ask(client.delete_function, FunctionName=name))
        facts.hold("delete_postdelete", ask(client.delete_function, FunctionName=name))


def test_an_update_that_changes_nothing_is_an_update(functions: Functions) -> None:
    client = functions.client
    with recording("TestLambdaFunction::test_redundant_updates") as facts:
        name = functions.create(facts, "create_response", Environment={"Variables": {}})
        change = {"FunctionName": name, "Description": "1st update description"}
        facts.hold("first_update_result", ask(client.update_function_configuration, **change))
        functions.wait_updated(name)
        facts.hold("get_fn_config_result", ask(client.get_function_configuration, FunctionName=name))
        facts.hold("get_fn_result", ask(client.get_function, FunctionName=name))
        facts.hold("redundant_update_result", ask(client.update_function_configuration, **change))
        functions.wait_updated(name)
        facts.hold("get_fn_result_after_redundant_update", ask(client.get_function, FunctionName=name))


def test_code_is_replaced_as_recorded(functions: Functions) -> None:
    client = functions.client
    with recording("TestLambdaFunction::test_lambda_code_location_zipfile") as facts:
        name = functions.create(facts, "create-response-zip-file")
        facts.hold("get-function-response", ask(client.get_function, FunctionName=name))
        facts.hold("update-function-response", ask(client.update_function_code, FunctionName=name, ZipFile=OTHER_CODE))
        facts.hold("get-function-response-updated", ask(client.get_function, FunctionName=name))


def test_one_update_at_a_time(functions: Functions) -> None:
    client = functions.client
    with recording("TestLambdaFunction::test_lambda_concurrent_code_updates") as facts:
        name = functions.create(facts, "create-function-response")
        client.update_function_code(FunctionName=name, ZipFile=OTHER_CODE)
        second = ask(client.update_function_code, FunctionName=name, ZipFile=CODE)
        facts.hold("update-during-in-progress-update-exc", second)
    with recording("TestLambdaFunction::test_lambda_concurrent_config_updates") as facts:
        name = functions.create(facts, "create-function-response", Environment={"Variables": {}})
        client.update_function_configuration(FunctionName=name, Description="one")
        second = ask(client.update_function_configuration, FunctionName=name, Description="two")
        facts.hold("update-during-in-progress-update-exc", second)


def test_a_network_is_shown_and_taken_away_as_recorded(functions: Functions) -> None:
    """The VPC's own id is not known to us before EC2 is: it may be anything."""
    client = functions.client
    first = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    second = {"SubnetIds": ["subnet-2"], "SecurityGroupIds": ["sg-2"]}
    with recording("TestLambdaFunction::test_vpc_config") as facts:
        name = functions.create(facts, "create_response", VpcConfig=first, Environment={"Variables": {}})
        facts.hold("get_function_response", ask(client.get_function, FunctionName=name))
        for step, network in (("update_vpcconfig", second), ("delete_vpcconfig", {key: [] for key in first})):
            answer = ask(client.update_function_configuration, FunctionName=name, VpcConfig=network)
            facts.hold(f"{step}_update_response", answer)
            functions.wait_updated(name)
            facts.hold(f"{step}_get_function_response", ask(client.get_function, FunctionName=name))


def test_what_cannot_be_created_is_refused_as_recorded(functions: Functions, unchecked: Any) -> None:
    client = functions.client
    refused: dict[str, dict[str, Any]] = {
        "empty_architectures": {"Architectures": []},
        "invalid_role_arn_exc": {"Role": "r1"},
        "invalid_runtime_exc": {"Runtime": "non-existent-runtime"},
        "invalid_zip_exc": {"Code": {"ZipFile": b"this is not a zip file, just a random string"}},
        "multiple_architectures": {"Architectures": ["x86_64", "arm64"]},
        "uppercase_architecture": {"Architectures": ["X86_64"]},
        "uppercase_runtime_exc": {"Runtime": "PYTHON3.9"},
    }
    with recording("TestLambdaFunction::test_create_lambda_exceptions") as facts:
        for step, members in refused.items():
            facts.hold(step, ask(client.create_function, **{**LEAST, "Runtime": "python3.12", **members}))


def test_what_cannot_be_updated_is_refused_as_recorded(functions: Functions) -> None:
    name = functions.make()
    refused = {
        "invalid_role_arn_exc": {"Role": "r1"},
        "invalid_runtime_exc": {"Runtime": "non-existent-runtime"},
        "uppercase_runtime_exc": {"Runtime": "PYTHON3.9"},
    }
    with recording("TestLambdaFunction::test_update_lambda_exceptions") as facts:
        for step, members in refused.items():
            facts.hold(step, ask(functions.client.update_function_configuration, FunctionName=name, **members))


@pytest.mark.parametrize("scenario", family("TestRuntimeValidation::"))
def test_runtimes_of_the_past_are_refused_as_recorded(functions: Functions, scenario: str) -> None:
    runtime = scenario.partition("[")[2].removesuffix("]")
    with recording(scenario) as facts:
        facts.hold("deprecation_error", ask(functions.client.create_function, **LEAST, Runtime=runtime))


def test_images_are_shown_as_recorded(functions: Functions) -> None:
    client = functions.client
    with recording("TestLambdaImages::test_lambda_image_crud") as facts:
        name = _create_image(functions, facts, "create-image-response")
        facts.hold("get-function-code-response", ask(client.get_function, FunctionName=name))
        facts.hold("get-function-config-response", ask(client.get_function_configuration, FunctionName=name))
        facts.hold("image-to-zipfile-error", ask(client.update_function_code, FunctionName=name, ZipFile=CODE))
        updated = ask(client.update_function_code, FunctionName=name, ImageUri=f"{REPOSITORY}2:latest")
        facts.hold("update-function-code-response", updated)
        functions.wait_updated(name)
        facts.hold("get-function-code-response-after-update", ask(client.get_function, FunctionName=name))
        facts.hold(
            "get-function-config-response-after-update", ask(client.get_function_configuration, FunctionName=name)
        )


def test_the_settings_of_an_image_are_shown_as_recorded(functions: Functions) -> None:
    client = functions.client
    first = {"EntryPoint": ["sh"], "Command": ["-c", "echo test"], "WorkingDirectory": "/app1"}
    second = {"Command": ["-c", "echo test1"], "WorkingDirectory": "/app1"}
    with recording("TestLambdaImages::test_lambda_image_and_image_config_crud") as facts:
        name = _create_image(functions, facts, "create-image-with-config-response", ImageConfig=first)
        facts.hold("get-function-code-with-config-response", ask(client.get_function, FunctionName=name))
        facts.hold(
            "get-function-config-with-config-response", ask(client.get_function_configuration, FunctionName=name)
        )
        for step, after, config in (
            ("update-function-code-response", "update", second),
            ("update-function-code-delete-imageconfig-response", "delete-imageconfig", {}),
        ):
            updated = ask(client.update_function_configuration, FunctionName=name, ImageConfig=config)
            facts.hold(step, updated)
            functions.wait_updated(name)
            facts.hold(f"get-function-code-response-after-{after}", ask(client.get_function, FunctionName=name))
            facts.hold(
                f"get-function-config-response-after-{after}", ask(client.get_function_configuration, FunctionName=name)
            )


def _create_image(functions: Functions, facts: Recording, step: str, **members: Any) -> str:
    return functions.create(
        facts,
        step,
        without=("Runtime", "Handler"),
        PackageType="Image",
        Code={"ImageUri": f"{REPOSITORY}:latest"},
        **members,
    )


@pytest.mark.parametrize("scenario", family("TestLambdaSnapStart::test_snapstart_lifecycle["))
def test_snapstart_is_shown_as_recorded(functions: Functions, scenario: str) -> None:
    client, runtime = functions.client, scenario.partition("[")[2].removesuffix("]")
    with recording(scenario) as facts:
        name = functions.create(facts, "create_function_response", Runtime=runtime)
        facts.hold("get_function_response_latest", ask(client.get_function, FunctionName=name))
        client.publish_version(FunctionName=name, Description="version1")
        facts.hold("get_function_response_version_1", ask(client.get_function, FunctionName=name, Qualifier="1"))


@pytest.mark.parametrize("scenario", family("TestLambdaSnapStart::test_snapstart_update_function_configuration["))
def test_snapstart_is_switched_on_as_recorded(functions: Functions, scenario: str) -> None:
    client, runtime = functions.client, scenario.partition("[")[2].removesuffix("]")
    with recording(scenario) as facts:
        name = functions.create(facts, "create_function_response", Runtime=runtime)
        snap = {"ApplyOn": "PublishedVersions"}
        answer = ask(client.update_function_configuration, FunctionName=name, SnapStart=snap)
        facts.hold("update_function_response", answer)


@pytest.mark.parametrize(
    ("scenario", "changes"),
    [
        ("test_advanced_logging_configuration_format_switch", [{"LogFormat": "JSON"}, {"LogFormat": "Text"}]),
        (
            "test_function_partial_advanced_logging_configuration_update[partial_config1]",
            [{"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG"}],
        ),
        (
            "test_function_partial_advanced_logging_configuration_update[partial_config2]",
            [{"LogFormat": "JSON", "SystemLogLevel": "DEBUG"}],
        ),
    ],
)
def test_logging_is_shown_as_recorded(functions: Functions, scenario: str, changes: list[dict[str, str]]) -> None:
    client = functions.client
    with recording(f"TestLoggingConfig::{scenario}") as facts:
        name = functions.create(facts, "create_response", Environment={"Variables": {}})
        facts.hold("get_function_response", ask(client.get_function, FunctionName=name))
        facts.hold("function_config", ask(client.get_function_configuration, FunctionName=name))
        for suffix, change in zip(("", "_v2"), changes, strict=False):
            updated = ask(client.update_function_configuration, FunctionName=name, LoggingConfig=change)
            facts.hold(f"updated_config{suffix}", updated)
            functions.wait_updated(name)
            received = ask(client.get_function_configuration, FunctionName=name)
            facts.hold(f"received_config{suffix}", received)


def test_variables_up_to_four_kilobytes_are_taken(functions: Functions) -> None:
    with recording("TestLambdaSizeLimits::test_lambda_envvars_near_limit_succeeds") as facts:
        functions.create(facts, "successful_create_fn_result")


def test_more_variables_are_refused_as_recorded(functions: Functions) -> None:
    with recording("TestLambdaSizeLimits::test_large_environment_variables_fails") as facts:
        message = facts.expected("failed_create_fn_result")["Error"]["Message"]
        value = message.partition('"LARGE_VAR":"')[2].partition('"')[0]
        members = {**LEAST, "Runtime": "python3.12", "Environment": {"Variables": {"LARGE_VAR": value}}}
        facts.hold("failed_create_fn_result", ask(functions.client.create_function, **members))


def test_code_counts_once_for_each_version(functions: Functions) -> None:
    """The recorded figures are those of AWS's two zips; ours are the sizes of what we send."""
    client = functions.client

    def total() -> int:
        return int(client.get_account_settings()["AccountUsage"]["TotalCodeSize"])

    def grown(before: int, size: int, recorded: int) -> int:
        return recorded if total() - before == size else total() - before

    content = {"ZipFile": zip_of(layer="")}
    with recording("TestLambdaAccountSettings::test_account_settings_total_code_size") as facts:
        before = total()
        name = functions.make()
        facts.hold("total_code_size_diff_create_function", grown(before, len(CODE), 276))
        before = total()
        client.update_function_code(FunctionName=name, ZipFile=CODE, Publish=True)
        facts.hold("total_code_size_diff_update_function", grown(before, len(CODE), 276))
        for step in ("publish_layer", "publish_layer_version"):
            before = total()
            client.publish_layer_version(LayerName="counted", Content=content)
            facts.hold(f"total_code_size_diff_{step}", grown(before, len(content["ZipFile"]), 169))
