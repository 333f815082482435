"""Lambda's resources in moto's CloudFormation: made through the Lambda API, as AWS's own CloudFormation does.

The API is where AWS_ENDPOINT_URL_LAMBDA says. What a stack makes has settled when its call returns.
"""

# ruff: noqa: ARG003  # the arguments are those that moto gives

import time
from typing import Any

import boto3
from moto.core.common_models import CloudFormationModel

_SETTLING_SECONDS = 30
_CODE = ("S3Bucket", "S3Key", "S3ObjectVersion", "ZipFile", "ImageUri")


class StackFunction(CloudFormationModel):
    """AWS::Lambda::Function; its physical id is its name."""

    def __init__(self, name: str) -> None:
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type() -> str:
        return "FunctionName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Lambda::Function"

    # Any: a template's properties.
    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> "StackFunction":
        client = boto3.client("lambda", region_name)
        client.create_function(**{**cloudformation_json["Properties"], "FunctionName": resource_name})
        client.get_waiter("function_active_v2").wait(FunctionName=resource_name, WaiterConfig={"Delay": 1})
        return cls(resource_name)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "StackFunction",
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> "StackFunction":
        client = boto3.client("lambda", region_name)
        name = original_resource.physical_resource_id
        properties = {**cloudformation_json["Properties"], "FunctionName": name}
        code = properties.pop("Code")
        client.update_function_code(FunctionName=name, **{key: code[key] for key in _CODE if key in code})
        client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        client.update_function_configuration(**properties)
        client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str
    ) -> None:
        boto3.client("lambda", region_name).delete_function(FunctionName=resource_name)


class StackMapping(CloudFormationModel):
    """AWS::Lambda::EventSourceMapping; its physical id is its UUID."""

    def __init__(self, uuid: str) -> None:
        self.physical_resource_id = uuid

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Lambda::EventSourceMapping"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> "StackMapping":
        client = boto3.client("lambda", region_name)
        uuid = client.create_event_source_mapping(**_mapping_members(cloudformation_json))["UUID"]
        _wait_until_settled(client, uuid)
        return cls(uuid)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "StackMapping",
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> "StackMapping":
        client = boto3.client("lambda", region_name)
        members = _mapping_members(cloudformation_json)
        members.pop("EventSourceArn", None)
        client.update_event_source_mapping(UUID=original_resource.physical_resource_id, **members)
        _wait_until_settled(client, original_resource.physical_resource_id)
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str
    ) -> None:
        client = boto3.client("lambda", region_name)
        client.delete_event_source_mapping(UUID=resource_name)
        _wait_until_settled(client, resource_name)


def _mapping_members(resource: dict[str, Any]) -> dict[str, Any]:
    """The API's members; a template may write a boolean as a word."""
    members = dict(resource["Properties"])
    members["Enabled"] = str(members.get("Enabled", True)).lower() == "true"
    return members


def _wait_until_settled(client: Any, uuid: str) -> None:
    deadline = time.monotonic() + _SETTLING_SECONDS
    while time.monotonic() < deadline:
        try:
            if not client.get_event_source_mapping(UUID=uuid)["State"].endswith("ing"):
                return
        except client.exceptions.ResourceNotFoundException:
            return
        time.sleep(0.05)
    raise TimeoutError(f"the event source mapping {uuid} does not settle")
