"""Names of functions, as AWS takes and refuses them: recorded answers."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.functions import CODE
from tests.contract.in_process import ACCOUNT, REGION, ROLE, InProcessLambda
from tests.contract.recorded_answers import SCENARIOS, ask, family, recording
from tests.contract.recorded_world import Functions

LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}"
ELSEWHERE = f"arn:aws:lambda:invalid-region:{ACCOUNT}"
# The name and the qualifier that each case of the scenario sends.
CASES = {
    "full_arn_and_qualifier_too_long_and_invalid_region": (
        f"{ELSEWHERE}:function:my-function-{'a' * 170}",
        "a" * 129,
    ),
    "function_name_and_qualifier_too_long": ("my-function", "a" * 65),
    "function_name_is_single_invalid": ("*", None),
    "function_name_too_long": ("a" * 65, None),
    "function_name_too_long_and_invalid_region": (f"{ELSEWHERE}:function:my-function{'a' * 170}", None),
    "incomplete_arn": (f"{LAMBDA}:function", None),
    "invalid_account_id_in_partial_arn": ("invalid-account:function:my-function", None),
    "invalid_characters_in_function_name": ("my-function!", None),
    "invalid_characters_in_qualifier": ("my-function", "invalid!"),
    "invalid_region_in_arn": (f"{ELSEWHERE}:function:my-function", None),
    "latest_version_with_additional_qualifier": ("my-function:$LATEST", "1"),
    "missing_account_id_in_arn": (f"arn:aws:lambda:{REGION}::function:my-function", None),
    "missing_region_in_arn": (f"arn:aws:lambda::{ACCOUNT}:function:my-function", None),
    "non_lambda_arn": (f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance:i-1234567890abcdef0", None),
    "partial_arn_with_extra_qualifier": ("function:my-function:$LATEST:extra", None),
    "qualifier_too_long": ("my-function", "a" * 129),
    "qualifier_too_long0": ("my-function", "a" * 129),
    "qualifier_too_long1": ("my-function", "a" * 65),
}
VALIDATION = "TestLambdaFunction::test_function_name_and_qualifier_validation["
_DETECTED = re.compile(r"(\d+) validation errors? detected: (.*)", re.DOTALL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcessLambda]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        yield server


@pytest.fixture
def client(server: InProcessLambda) -> Any:
    return server.client(validate=False)


@pytest.mark.parametrize("scenario", [name for name in family(VALIDATION) if SCENARIOS[name]["answers"]])
def test_names_and_qualifiers_are_refused_as_recorded(client: Any, scenario: str) -> None:
    case, _, method = scenario.removeprefix(VALIDATION).removesuffix("]").rpartition("-")
    name, qualifier = CASES[case]
    with recording(scenario) as facts:
        if method == "create_function":
            joined = name if qualifier is None else f"{name}:{qualifier}"
            answer = ask(
                client.create_function,
                FunctionName=joined,
                Runtime="python3.12",
                Handler="handler.handler",
                Role=ROLE,
                Code={"ZipFile": CODE},
            )
        else:
            told = {} if qualifier is None else {"Qualifier": qualifier}
            answer = ask(getattr(client, method), FunctionName=name, **told)
        step = f"{method}_exception"
        facts.hold(step, _counted(answer["Error"], facts.expected(step)))


def _counted(error: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """Several violations come in any order: AWS's own order changes."""
    detected = _DETECTED.fullmatch(error["Message"])
    if detected is None:
        return error
    found = [f"Value {part}" for part in detected[2].removeprefix("Value ").split("; Value ")]
    order = expected.get("Errors", found)
    found.sort(key=lambda text: order.index(text) if text in order else len(order))
    return {"Code": error["Code"], "Count": int(detected[1]), "Errors": found}


def test_what_was_recorded_without_an_answer_is_known() -> None:
    """Scenarios that hold no facts: nothing can be inferred from them."""
    empty = {name for name, scenario in SCENARIOS.items() if not scenario["answers"]}
    assert empty == {
        f"{VALIDATION}function_name_and_qualifier_too_long-create_function]",
        f"{VALIDATION}qualifier_too_long1-create_function]",
        "TestPartialARNMatching::test_cross_region_arn_function_access",
    }


@pytest.mark.parametrize("scenario", family("TestLambdaFunction::test_get_function_wrong_region["))
def test_functions_of_another_region_are_not_reachable(client: Any, scenario: str) -> None:
    method = scenario.partition("[")[2].removesuffix("]")
    elsewhere = f"arn:aws:lambda:eu-west-3:{ACCOUNT}:function:any"
    with recording(scenario) as facts:
        facts.hold("wrong_region_exception", ask(getattr(client, method), FunctionName=elsewhere))


@pytest.mark.parametrize("scenario", family("TestLambdaFunction::test_ops_on_nonexisting_fn["))
def test_functions_that_are_not_there_are_not_found(client: Any, scenario: str) -> None:
    method = scenario.partition("[")[2].removesuffix("]")
    with recording(scenario) as facts:
        facts.hold("not_found_exception", ask(getattr(client, method), FunctionName="no-such-function"))


@pytest.mark.parametrize("scenario", family("TestLambdaFunction::test_ops_on_nonexisting_version["))
def test_versions_that_are_not_there_are_not_found(client: Any, scenario: str) -> None:
    method = scenario.partition("[")[2].removesuffix("]")
    name = Functions(client).make()
    with recording(scenario) as facts:
        facts.hold("version_not_found_exception", ask(getattr(client, method), FunctionName=name, Qualifier="1221"))


def test_the_qualifier_in_a_name_and_the_one_beside_it_must_be_the_same(client: Any) -> None:
    name = Functions(client).make()
    arn = f"{LAMBDA}:function:{name}:$LATEST"
    with recording("TestLambdaFunction::test_ops_with_arn_qualifier_mismatch[delete_function]") as facts:
        facts.hold("not_match_exception", ask(client.delete_function, FunctionName=arn, Qualifier="1"))
        facts.hold("match_exception", ask(client.delete_function, FunctionName=arn, Qualifier="$LATEST"))


def test_an_arn_with_another_separator_is_no_name(client: Any) -> None:
    wrong = f"arn:aws:lambda:{REGION}:123400000000@function:myfn"
    with recording("TestLambdaFunction::test_invalid_invoke") as facts:
        facts.hold("invoke_function_name_pattern_exc", ask(client.invoke, FunctionName=wrong))
