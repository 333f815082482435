"""Provisioned concurrency is shared out by weight, and its status never says more than there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.resources.aliases.model import AliasRecord
from lamplighter.resources.provisioned_concurrency import rules
from lamplighter.resources.provisioned_concurrency.model import Provisioned, ProvisionedConfig


def alias(name: str, version: str, **weights: float) -> AliasRecord:
    return AliasRecord(
        account_id="1",
        region="us-east-1",
        function_name="f",
        name=name,
        version=version,
        description="",
        revision_id="",
        weights={version.removeprefix("v"): weight for version, weight in weights.items()},
    )


def config(qualifier: str, requested: int) -> ProvisionedConfig:
    return ProvisionedConfig(
        account_id="1",
        region="us-east-1",
        function_name="f",
        qualifier=qualifier,
        requested=requested,
        modified_at=0.0,
    )


@pytest.mark.parametrize(
    ("requested", "weights", "expected"),
    [
        (10, {}, {"1": 10}),
        (10, {"v2": 0.1}, {"1": 9, "2": 1}),
        (10, {"v2": 0.05}, {"1": 9, "2": 1}),
        (10, {"v2": 0.7}, {"1": 3, "2": 7}),
        (1, {"v2": 0.5}, {"1": 0, "2": 1}),
        (10, {"v2": 0.0}, {"1": 10, "2": 0}),
        (10, {"v2": 1.0}, {"1": 0, "2": 10}),
    ],
)
def test_an_alias_shares_by_weight(requested: int, weights: dict[str, float], expected: dict[str, int]) -> None:
    assert rules.share(requested, alias("live", "1", **weights)) == expected


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_nothing_is_lost_by_sharing(requested: int, weight: float) -> None:
    shares = rules.share(requested, alias("live", "1", v2=weight))
    assert sum(shares.values()) == requested
    assert all(count >= 0 for count in shares.values())


def test_latest_is_never_provisioned() -> None:
    assert rules.plan([config("dev", 3)], {"dev": alias("dev", "$LATEST")}) == {}


def test_who_shares_a_version_is_served_in_order() -> None:
    aliases = {"a": alias("a", "1"), "b": alias("b", "1", v2=0.5)}
    plan = rules.plan([config("a", 2), config("b", 4), config("3", 1)], aliases)
    assert plan == {"1": [("a", 2), ("b", 2)], "2": [("b", 2)], "3": [("3", 1)]}

    found = {"1": Provisioned(ready=3), "2": Provisioned(ready=1, failure="why")}
    assert rules.come_of("a", plan, found) == Provisioned(ready=2)
    assert rules.come_of("b", plan, found) == Provisioned(ready=2, failure="why")
    assert rules.come_of("3", plan, found) == Provisioned()


@pytest.mark.parametrize(
    ("ready", "failure", "expected"),
    [(0, None, "IN_PROGRESS"), (1, None, "IN_PROGRESS"), (2, None, "READY"), (2, "why", "READY"), (1, "why", "FAILED")],
)
def test_the_status_is_what_there_is(ready: int, failure: str | None, expected: str) -> None:
    assert rules.status(2, Provisioned(ready=ready, failure=failure)) == expected
