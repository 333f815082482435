"""Tenant isolation: environments, memory and /tmp of one tenant never serve another."""

import asyncio
import json
import random
from pathlib import Path

import pytest

from lamplighter.aws.errors import TooManyRequestsException
from tests.e2e.function_house import FunctionHouse, is_root, open_house
from tests.live_sandboxes import until

pytestmark = pytest.mark.skipif(not is_root(), reason="needs root")

PER_TENANT = {"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}
# Leaves a mark of each tenant in memory and on disk, and tells which marks it finds.
MARKING = """
import os, uuid
HERE, SEEN = str(uuid.uuid4()), set()
def handler(event, context):
    SEEN.add(context.tenant_id)
    with open("/tmp/marks", "a") as marks:
        marks.write(context.tenant_id + "\\n")
    with open("/tmp/marks") as marks:
        return {"environment": HERE, "tenant": context.tenant_id, "memory": sorted(SEEN), "disk": marks.read().split()}
"""


async def _call(house: FunctionHouse, tenant: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((await house.invoke({}, tenant_id=tenant)).payload)
    return found


async def test_tenants_never_meet_in_an_environment(tmp_path: Path) -> None:
    tenants = [f"tenant-{number}" for number in range(6)]
    calls = random.Random(7).sample(tenants * 12, k=72)
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": MARKING}, settings=PER_TENANT)
        answers: list[dict[str, object]] = []
        for start in range(0, len(calls), 8):
            answers += await asyncio.gather(*(_call(house, tenant) for tenant in calls[start : start + 8]))

    owners: dict[object, set[object]] = {}
    for asked, answer in zip(calls, answers, strict=True):
        assert answer["tenant"] == asked
        assert answer["memory"] == [asked]
        assert isinstance(answer["disk"], list)
        assert set(answer["disk"]) == {asked}
        owners.setdefault(answer["environment"], set()).add(asked)
    assert all(len(owner) == 1 for owner in owners.values())
    assert len(owners) < len(calls)  # a tenant's own environments are used again


async def test_without_isolation_they_do_meet(tmp_path: Path) -> None:
    """The control: the same function and calls, one after the other, in a shared environment."""
    source = MARKING.replace("context.tenant_id", "event['tenant']")
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": source})
        for tenant in ("blue", "green"):
            answer = json.loads((await house.invoke({"tenant": tenant})).payload)

    assert answer["memory"] == ["blue", "green"]


async def test_the_tenant_is_named_in_json_logs(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": MARKING}, settings=PER_TENANT, log_format="JSON", system_log_level="DEBUG")
        await _call(house, "blue")

        await until(lambda: any("platform.report" in line for line in house.logs.messages()))
        records = [json.loads(line) for line in house.logs.messages() if "platform." in line]
    named = {record["type"] for record in records if record["record"].get("tenantId") == "blue"}
    assert named == {"platform.start", "platform.runtimeDone", "platform.report"}


async def test_a_function_may_have_two_and_a_half_environments_of_tenants_for_each_concurrent_execution(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house:
        house.deploy({"index.py": MARKING}, settings=PER_TENANT, reserved=1)
        for tenant in ("blue", "green"):
            await _call(house, tenant)

        with pytest.raises(TooManyRequestsException, match="Rate exceeded"):
            await _call(house, "red")
        assert (await _call(house, "blue"))["memory"] == ["blue"]
