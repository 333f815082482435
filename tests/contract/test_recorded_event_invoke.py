"""Asynchronous invocation settings: recorded answers."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.in_process import ACCOUNT, REGION
from tests.contract.recorded_answers import Recording, ask, recording
from tests.contract.recorded_world import Functions, slow_server

LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
ALIAS = "eventinvokealias"


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    with slow_server(tmp_path_factory.mktemp("lambda")) as server:
        yield Functions(server.client())


def test_settings_live_as_recorded(functions: Functions) -> None:
    client = functions.client
    put, get = client.put_function_event_invoke_config, client.get_function_event_invoke_config
    update, listed = client.update_function_event_invoke_config, client.list_function_event_invoke_configs
    with recording("TestLambdaEventInvokeConfig::test_lambda_eventinvokeconfig_lifecycle") as facts:
        name = _function_of(functions, facts, "publish_version_result")
        facts.hold("put_invokeconfig_retries_0", ask(put, FunctionName=name, MaximumRetryAttempts=0))
        facts.hold("put_invokeconfig_eventage_60", ask(put, FunctionName=name, MaximumEventAgeInSeconds=60))
        same = ask(update, FunctionName=name, MaximumEventAgeInSeconds=60)
        facts.hold("update_invokeconfig_eventage_nochange", same)
        facts.hold("update_invokeconfig_retries", ask(update, FunctionName=name, MaximumRetryAttempts=1))
        facts.hold("get_invokeconfig", ask(get, FunctionName=name))
        facts.hold("list_single_invokeconfig", ask(listed, FunctionName=name))
        facts.hold("get_invokeconfig_latest", ask(get, FunctionName=name, Qualifier="$LATEST"))
        version = {"FunctionName": name, "Qualifier": "1"}
        facts.hold("publish_version_result", ask(client.publish_version, FunctionName=name))
        facts.hold("get_invokeconfig_postpublish", ask(get, **version))
        facts.hold("put_published_invokeconfig", ask(put, **version, MaximumEventAgeInSeconds=120))
        facts.hold("get_published_invokeconfig", ask(get, **version))
        client.delete_function_event_invoke_config(FunctionName=name)
        facts.hold("list_paging_nolimit_postdelete", ask(listed, FunctionName=name))


def test_settings_are_refused_as_recorded(functions: Functions) -> None:
    client = functions.client
    with recording("TestLambdaEventInvokeConfig::test_lambda_eventinvokeconfig_exceptions") as facts:
        name = _function_of(functions, facts, "fn_version_result")
        facts.hold("fn_version_result", ask(client.publish_version, FunctionName=name))
        alias = ask(client.create_alias, FunctionName=name, Name=ALIAS, FunctionVersion="1")
        facts.hold("fn_alias_result", alias)
        _functions_and_destinations(functions, facts, name)
        _qualifiers(client, facts, name)
        _overwriting(client, facts, name)
        _reading_and_deleting(client, facts, name)


def _function_of(functions: Functions, facts: Recording, step: str) -> str:
    """A function with the settings that the version of this step shows."""
    timeout = facts.expected(step)["Timeout"]
    return functions.make(Timeout=timeout, Environment={"Variables": {}})


def _functions_and_destinations(functions: Functions, facts: Recording, name: str) -> None:
    put = functions.client.put_function_event_invoke_config
    arn, other = f"{LAMBDA}:{name}", f"{LAMBDA}:{functions.make()}"
    absent = ask(put, FunctionName="doesnotexist", MaximumRetryAttempts=1)
    facts.hold("put_functionname_name_notfound", absent)
    absent = ask(put, FunctionName=f"{LAMBDA}:doesnotexist", MaximumRetryAttempts=1)
    facts.hold("put_functionname_arn_notfound", absent)
    facts.hold("put_functionname_nootherargs", ask(put, FunctionName=name))
    destinations: dict[str, dict[str, Any]] = {
        "put_destination_lambda_doesntexist": {"OnSuccess": {"Destination": f"{LAMBDA}:doesnotexist"}},
        "put_destination_recursive": {"OnSuccess": {"Destination": arn}},
        "put_destination_other_lambda": {"OnSuccess": {"Destination": other}},
        "put_destination_invalid_service_arn": {"OnSuccess": {"Destination": arn.replace(":lambda:", ":iam:")}},
        "put_destination_success_no_destination_arn": {"OnSuccess": {}},
        "put_destination_failure_no_destination_arn": {"OnFailure": {}},
        "put_destination_invalid_arn_pattern": {"OnFailure": {"Destination": arn.replace(":lambda:", ":_-/!lambda:")}},
    }
    for step, destination in destinations.items():
        facts.hold(step, ask(put, FunctionName=name, DestinationConfig=destination))


def _qualifiers(client: Any, facts: Recording, name: str) -> None:
    put, arn = client.put_function_event_invoke_config, f"{LAMBDA}:{name}"
    told: dict[str, tuple[str, str | None]] = {
        "put_destination_latest": (name, None),
        "put_destination_latest_explicit_qualifier": (name, "$LATEST"),
        "put_destination_version": (name, "1"),
        "put_alias_functionname_qualifier": (name, ALIAS),
        "put_alias_doesnotexist": (name, "doesnotexist"),
        "put_alias_qualifiedarn": (f"{arn}:{ALIAS}", None),
        "put_alias_qualifiedarn_qualifier": (f"{arn}:{ALIAS}", ALIAS),
        "put_alias_qualifiedarn_qualifierconflict": (f"{arn}:{ALIAS}", "1"),
        "put_alias_shorthand": (f"{name}:{ALIAS}", None),
        "put_alias_shorthand_qualifier": (f"{name}:{ALIAS}", ALIAS),
        "put_alias_shorthand_qualifierconflict": (f"{name}:{ALIAS}", "1"),
        "put_version_shorthand": (f"{name}:1", None),
        "put_shorthand_qualifier_match": (f"{name}:$LATEST", "$LATEST"),
        "put_shorthand_qualifier_mismatch_1": (f"{name}:1", "$LATEST"),
        "put_shorthand_qualifier_mismatch_2": (f"{name}:$LATEST", "1"),
        "put_shorthand_qualifier_mismatch_3": (f"{name}:1", ALIAS),
    }
    for step, (function, qualifier) in told.items():
        beside = {} if qualifier is None else {"Qualifier": qualifier}
        facts.hold(step, ask(put, FunctionName=function, **beside, MaximumRetryAttempts=1))


def _overwriting(client: Any, facts: Recording, name: str) -> None:
    """Putting replaces everything, updating only what is given."""
    put, update = client.put_function_event_invoke_config, client.update_function_event_invoke_config
    both = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60}
    most = ask(put, FunctionName=name, MaximumRetryAttempts=2, MaximumEventAgeInSeconds=21_600)
    facts.hold("put_maxevent_maxvalue_result", most)
    facts.hold("put_pre_overwrite", ask(put, FunctionName=name, **both))
    facts.hold("put_post_overwrite", ask(put, FunctionName=name, MaximumRetryAttempts=0))
    read = ask(client.get_function_event_invoke_config, FunctionName=name)
    facts.hold("get_post_overwrite", read)
    again = ask(update, FunctionName=name, MaximumRetryAttempts=0)
    facts.hold("second_overwrite_existing_response", again)
    facts.hold("pre_update_response", ask(put, FunctionName=name, **both))
    facts.hold("update_response", ask(update, FunctionName=name, MaximumRetryAttempts=0))
    facts.hold("update_response_existing", ask(update, FunctionName=name, MaximumRetryAttempts=0))


def _reading_and_deleting(client: Any, facts: Recording, name: str) -> None:
    get, listed = client.get_function_event_invoke_config, client.list_function_event_invoke_configs
    delete, update = client.delete_function_event_invoke_config, client.update_function_event_invoke_config
    facts.hold("list_configs", ask(listed, FunctionName=name))
    facts.hold("list_function_doesnotexist", ask(listed, FunctionName="doesnotexist"))
    facts.hold("get_function_doesnotexist", ask(get, FunctionName="doesnotexist"))
    facts.hold("get_qualifier_doesnotexist", ask(get, FunctionName=name, Qualifier="doesnotexist"))
    facts.hold("delete_function_doesnotexist", ask(delete, FunctionName="doesnotexist"))
    facts.hold("delete_latest", ask(delete, FunctionName=name))
    facts.hold("delete_version", ask(delete, FunctionName=name, Qualifier="1"))
    facts.hold("delete_alias", ask(delete, FunctionName=name, Qualifier=ALIAS))
    facts.hold("delete_function_not_found", ask(delete, FunctionName=name))
    facts.hold("list_configs_postdelete", ask(listed, FunctionName=name))
    gone = {"FunctionName": name, "Qualifier": ALIAS}
    facts.hold("get_eventinvokeconfig_doesnotexist", ask(get, **gone))
    change = {"MaximumRetryAttempts": 0}
    absent = ask(update, FunctionName="doesnotexist", **change)
    facts.hold("update_eventinvokeconfig_function_doesnotexist", absent)
    absent = ask(update, **gone, **change)
    facts.hold("update_eventinvokeconfig_config_doesnotexist_with_qualifier", absent)
    absent = ask(update, FunctionName=name, **change)
    facts.hold("update_eventinvokeconfig_config_doesnotexist_without_qualifier", absent)
