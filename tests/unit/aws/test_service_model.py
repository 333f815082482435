"""The vendored model is AWS's, without its prose; the tool that renews it finds every kind of drift."""

import copy
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from lamplighter.aws.constraints import compile_pattern
from lamplighter.aws.service_model import load_model
from scripts import service_model as refresh


@pytest.fixture(scope="session")
def installed() -> dict[str, Any]:
    description, version = refresh.read_botocore(Path("/nonexistent"))
    return refresh.stripped(description, version)


def test_the_vendored_model_is_that_of_the_botocore_it_names(installed: dict[str, Any]) -> None:
    ours = load_model("lambda")
    if ours.metadata["botocore"] != metadata.version("botocore"):
        pytest.skip("another botocore is installed; scripts/refresh-model --check tells the difference")
    assert ours.operations == installed["operations"]
    assert ours.shapes.keys() == installed["shapes"].keys()


def test_no_documentation_is_shipped(installed: dict[str, Any]) -> None:
    assert "<p>" not in repr(installed)
    assert "documentation" not in {key for shape in installed["shapes"].values() for key in shape}


def test_overrides_name_shapes_and_members_that_exist() -> None:
    model = load_model("lambda")
    overridden = {
        name: shape for name, shape in model.shapes.items() if {"patternPrinted", "enumHidden"} & shape.keys()
    }
    assert set(overridden) == {"TaggableResource", "Runtime"}
    assert compile_pattern(overridden["TaggableResource"]["patternPrinted"])
    for structure in ("CreateFunctionRequest", "UpdateFunctionConfigurationRequest"):
        override = model.member_override(structure, "Runtime")
        assert override is not None
        assert set(override["enumPrinted"]) <= set(model.shape("Runtime")["enum"])
        assert "Runtime" in model.shape(structure)["members"]


def test_every_kind_of_drift_is_told(installed: dict[str, Any]) -> None:
    older = copy.deepcopy(installed)
    del older["operations"]["GetFunction"]
    del older["shapes"]["FunctionConfiguration"]["members"]["Runtime"]
    older["shapes"]["Runtime"]["enum"].remove("custom")
    older["shapes"]["Runtime"]["enum"].append("basic")
    older["shapes"]["Timeout"]["max"] = 900
    older["operations"]["Invoke"]["http"]["responseCode"] = 299

    assert refresh.drift(older, installed) == [
        "new operation: GetFunction",
        "new member of FunctionConfiguration: Runtime",
        "new value of Runtime: custom",
        "gone value of Runtime: basic",
        "changed max of Timeout: 900 -> 5400",
        "changed operation Invoke",
    ]
    assert refresh.drift(installed, installed) == []
