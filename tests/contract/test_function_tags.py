"""Tags of functions as AWS answers them.

Facts: LocalStack's recordings of AWS (Apache-2.0), TestLambdaTags and TestLambdaTag (2025-11-25).
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.functions import ARN, create_active, refusal
from tests.contract.in_process import InProcessLambda

UUID = "0b2f6c1e-5b1e-4a55-9c3b-0a2b7d1f9c11"
PATTERN = (
    r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+"
    r"(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:"
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)"
)
TOO_MANY = (400, "InvalidParameterValueException", "Number of tags exceeds resource tag limit.")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with InProcessLambda(tmp_path_factory.mktemp("lambda")) as server:
        yield server.client(validate=False)


def test_tags_come_and_go_and_each_change_is_a_revision(client: Any) -> None:
    create_active(client, "tagged", Tags={"key_a": "value_a"})
    arn = f"{ARN}:tagged"
    revisions = []

    def seen() -> dict[str, str]:
        answer = client.get_function(FunctionName="tagged")
        revisions.append(answer["Configuration"]["RevisionId"])
        assert answer.get("Tags", {}) == client.list_tags(Resource=arn)["Tags"]
        assert answer.get("Tags") != {}
        tags: dict[str, str] = client.list_tags(Resource=arn)["Tags"]
        return tags

    assert seen() == {"key_a": "value_a"}
    answer = client.tag_resource(Resource=arn, Tags={"key_b": "value_b", "key_c": "value_c"})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert seen() == {"key_a": "value_a", "key_b": "value_b", "key_c": "value_c"}
    client.tag_resource(Resource=arn, Tags={"key_c": "value_x", "key_d": "value_d"})
    assert seen() == {"key_a": "value_a", "key_b": "value_b", "key_c": "value_x", "key_d": "value_d"}
    answer = client.untag_resource(Resource=arn, TagKeys=["key_c", "key_d", "absent"])
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert seen() == {"key_a": "value_a", "key_b": "value_b"}
    client.untag_resource(Resource=arn, TagKeys=["key_a", "key_b"])
    assert seen() == {}
    assert len(set(revisions)) == len(revisions)
    client.delete_function(FunctionName="tagged")
    assert refusal(client.list_tags, Resource=arn) == (404, "ResourceNotFoundException", f"Function not found: {arn}")


def test_a_function_has_50_tags_at_most(client: Any) -> None:
    tags = {f"{number}_key": f"{number}_value" for number in range(51)}
    create_active(client, "many-tags")
    arn = f"{ARN}:many-tags"

    assert refusal(client.tag_resource, Resource=arn, Tags=tags) == TOO_MANY
    tags.popitem()
    client.tag_resource(Resource=arn, Tags=tags)
    assert refusal(client.tag_resource, Resource=arn, Tags={"another": "one"}) == TOO_MANY
    client.tag_resource(Resource=arn, Tags={"0_key": "changed"})


def test_tags_on_creation_have_the_same_limit(client: Any) -> None:
    from tests.contract.functions import CODE
    from tests.contract.in_process import ROLE

    assert (
        refusal(
            client.create_function,
            FunctionName="born-with-tags",
            Runtime="python3.12",
            Role=ROLE,
            Handler="handler.handler",
            Code={"ZipFile": CODE},
            Tags={f"key{number}": "v" for number in range(51)},
        )
        == TOO_MANY
    )


def test_versions_and_aliases_carry_no_tags(client: Any) -> None:
    create_active(client, "tagged-version", Publish=True)

    for qualifier in ("1", "$LATEST", "alias"):
        assert refusal(client.tag_resource, Resource=f"{ARN}:tagged-version:{qualifier}", Tags={"key": "value"}) == (
            400,
            "InvalidParameterValueException",
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        )


def test_empty_and_misplaced_tags_are_refused(client: Any) -> None:
    create_active(client, "tag-refusals")
    arn = f"{ARN}:tag-refusals"

    assert refusal(client.tag_resource, Resource=arn, Tags={}) == (
        400,
        "InvalidParameterValueException",
        "An error occurred and the request cannot be processed.",
    )
    assert refusal(client.untag_resource, Resource=arn, TagKeys=[]) == (
        400,
        "ValidationException",
        "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null",
    )
    assert refusal(client.tag_resource, Resource=f"{ARN}:doesnotexist", Tags={"key": "value"}) == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}:doesnotexist",
    )
    assert refusal(client.tag_resource, Resource="arn:aws:something", Tags={"key": "value"}) == (
        400,
        "ValidationException",
        (
            "1 validation error detected: Value 'arn:aws:something' at 'resource' failed to satisfy constraint: Member "
            f"must satisfy regular expression pattern: {PATTERN}"
        ),
    )


@pytest.mark.parametrize(
    ("resource", "label"),
    [(f"event-source-mapping:{UUID}", "Event source mapping"), ("capacity-provider:absent", "Capacity provider")],
)
def test_other_resources_that_are_not_there(client: Any, resource: str, label: str) -> None:
    arn = f"arn:aws:lambda:us-east-1:111111111111:{resource}"
    expected = (404, "ResourceNotFoundException", f"{label} not found: {arn}")

    assert refusal(client.list_tags, Resource=arn) == expected
    assert refusal(client.tag_resource, Resource=arn, Tags={"key": "value"}) == expected
    assert refusal(client.untag_resource, Resource=arn, TagKeys=["key"]) == expected
    assert refusal(client.list_tags, Resource=f"{arn}:alias")[1] == "ValidationException"
