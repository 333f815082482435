"""Function configurations for tests that need one."""

from typing import Any

from lamplighter.resources.functions.model import CodeReference, FunctionConfiguration


def configuration(**members: Any) -> FunctionConfiguration:
    name = members.get("name", "probe")
    return FunctionConfiguration(
        **{
            "account_id": "000000000000",
            "region": "eu-west-1",
            "name": name,
            "revision_id": "r",
            "content_revision": "c",
            "modified_at": 0.0,
            "state": "Active",
            "runtime": "python3.12",
            "handler": "index.handler",
            "role": "arn:aws:iam::000000000000:role/r",
            "code": CodeReference(digest="d", sha256="s", size=1),
            "log_group": f"/aws/lambda/{name}",
            **members,
        }
    )
