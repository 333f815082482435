"""Every operation is found by its own route, and nothing else is."""

from urllib.parse import quote

import pytest

from lamplighter.aws.router import Router
from lamplighter.aws.service import Service


def test_every_operation_is_found_by_its_own_route(service: Service) -> None:
    assert len(service.operations) == 91
    for name, operation in service.operations.items():
        path, _, query = operation.request_uri.partition("?")
        path = "/".join("v" if segment.startswith("{") else segment for segment in path.split("/"))
        match = service.match(operation.method, path, query)
        assert match is not None
        assert match.operation.name == name
        assert set(match.path_values.values()) <= {"v"}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", "ListLayers"),
        ("MaxItems=1", "ListLayers"),
        ("find=LayerVersion", "GetLayerVersionByArn"),
        ("Arn=arn%3Aaws&find=LayerVersion", "GetLayerVersionByArn"),
        ("find=Other", "ListLayers"),
    ],
)
def test_a_constant_query_tells_two_operations_apart(service: Service, query: str, name: str) -> None:
    match = service.match("GET", "/2018-10-31/layers", query)
    assert match is not None
    assert match.operation.name == name


def test_the_other_pair_is_told_apart_too(service: Service) -> None:
    path = "/2019-09-30/functions/f/provisioned-concurrency"
    one, many = service.match("GET", path, "Qualifier=1"), service.match("GET", path, "List=ALL&MaxItems=2")
    assert one is not None
    assert many is not None
    assert one.operation.name == "GetProvisionedConcurrencyConfig"
    assert many.operation.name == "ListProvisionedConcurrencyConfigs"


@pytest.mark.parametrize(
    "name",
    [
        "f",
        "arn:aws:lambda:us-east-1:123456789012:function:f:PROD",
        "123456789012:function:f",
        "f:$LATEST",
        "with space/and slash é%",
    ],
)
@pytest.mark.parametrize("safe", ["", ":$"])
def test_a_label_is_decoded_whole(service: Service, name: str, safe: str) -> None:
    match = service.match("POST", f"/2015-03-31/functions/{quote(name, safe=safe)}/invocations", "")
    assert match is not None
    assert match.path_values == {"FunctionName": name}


def test_a_trailing_slash_makes_no_difference(service: Service) -> None:
    match = service.match("GET", "/2015-03-31/functions/", "")
    assert match is not None
    assert match.operation.name == "ListFunctions"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", ""),
        ("GET", "/2015-03-31"),
        ("GET", "/2015-03-32/functions"),
        ("PATCH", "/2015-03-31/functions"),
        ("POST", "/2015-03-31/functions//invocations"),
        ("POST", "/2015-03-31/functions/f/invocations/more"),
        ("GET", "/" * 100_000),
        ("GET", "/a" * 100_000),
    ],
)
def test_what_is_no_route_is_not_found(service: Service, method: str, path: str) -> None:
    assert service.match(method, path, "") is None


def test_a_greedy_label_takes_the_rest_but_leaves_what_follows() -> None:
    router = Router([("GET", "/files/{Path+}"), ("GET", "/files/{Path+}/tags"), ("GET", "/files/{Name}")])
    assert router.match("GET", "/files/a", "") == (2, {"Name": "a"})
    assert router.match("GET", "/files/a/b%2Fc", "") == (0, {"Path": "a/b/c"})
    assert router.match("GET", "/files/a/b/tags", "") == (1, {"Path": "a/b"})
