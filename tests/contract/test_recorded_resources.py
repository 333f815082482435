"""Versions, aliases, policies, tags, mappings, URLs and code signing: recorded answers."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.functions import CODE
from tests.contract.in_process import ACCOUNT, REGION, ROLE
from tests.contract.recorded_answers import Recording, ask, family, recording
from tests.contract.recorded_world import Functions, slow_server

LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"
NO_MAPPING = "3a1b2c3d-5678-90ab-cdef-111111111111"


@pytest.fixture(scope="module")
def server_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Functions, Any]]:
    with slow_server(tmp_path_factory.mktemp("lambda")) as server:
        yield Functions(server.client()), server.client(validate=False)


@pytest.fixture
def functions(server_client: tuple[Functions, Any]) -> Functions:
    return server_client[0]


@pytest.fixture
def unchecked(server_client: tuple[Functions, Any]) -> Any:
    """A client that sends what boto3 would refuse itself."""
    return server_client[1]


def test_aliases_live_as_recorded(functions: Functions) -> None:
    client = functions.client
    with recording("TestLambdaAlias::test_alias_lifecycle") as facts:
        name = functions.create(facts, "create_response")
        facts.hold("publish_v1", ask(client.publish_version, FunctionName=name))
        client.update_function_configuration(FunctionName=name, Environment={"Variables": {"testenv": "prod"}})
        functions.wait_updated(name)
        facts.hold("publish_v2", ask(client.publish_version, FunctionName=name))
        weights = {"AdditionalVersionWeights": {"2": 0.2}}
        made: dict[str, dict[str, Any]] = {
            "1_1": {"FunctionVersion": "1", "Description": "custom-alias", "RoutingConfig": weights},
            "1_2": {"FunctionVersion": "1", "Description": "custom-alias"},
            "1_3": {"FunctionVersion": "1"},
            "2": {"FunctionVersion": "2", "Description": "custom-alias"},
        }
        for alias, members in made.items():
            answer = ask(client.create_alias, FunctionName=name, Name=f"aliasname{alias}", **members)
            facts.hold(f"create_alias_{alias}", answer)
            facts.hold(f"get_alias_{alias}", ask(client.get_alias, FunctionName=name, Name=f"aliasname{alias}"))
        facts.hold("list_aliases_for_fnname", ask(client.list_aliases, FunctionName=name))
        _functions_by_alias(client, facts, name)
        _aliases_changed(client, facts, name)


def _functions_by_alias(client: Any, facts: Recording, name: str) -> None:
    arn = f"{LAMBDA}:function:{name}"
    by_name = ask(client.get_function, FunctionName=name, Qualifier="aliasname1_1")
    facts.hold("get_function_alias_1_1", by_name)
    facts.hold("get_function_byarn_alias_1_1", ask(client.get_function, FunctionName=f"{arn}:aliasname1_1"))
    missing = ask(client.get_function, FunctionName=name, Qualifier="aliasdoesnotexist")
    facts.hold("get_function_alias_notfound_exc", missing)
    facts.hold(
        "get_function_alias_byarn_notfound_exc", ask(client.get_function, FunctionName=f"{arn}:aliasdoesnotexist")
    )


def _aliases_changed(client: Any, facts: Recording, name: str) -> None:
    for alias, step in (("1_1", "after_update"), ("1_2", "after_update_2")):
        changed = ask(client.update_alias, FunctionName=name, Name=f"aliasname{alias}", RoutingConfig={})
        facts.hold(f"update_alias_{alias}", changed)
        shown = ask(client.get_alias, FunctionName=name, Name=f"aliasname{alias}")
        facts.hold(f"get_alias_{alias}_after_update", shown)
        facts.hold(f"list_aliases_for_fnname_{step}", ask(client.list_aliases, FunctionName=name))
    facts.hold("list_aliases_for_version", ask(client.list_aliases, FunctionName=name, FunctionVersion="1"))
    facts.hold("delete_alias_response", ask(client.delete_alias, FunctionName=name, Name="aliasname1_1"))
    facts.hold("list_aliases_for_fnname_afterdelete", ask(client.list_aliases, FunctionName=name))


def test_deleting_an_alias_that_is_not_there_is_no_error(functions: Functions) -> None:
    with recording("TestLambdaAlias::test_non_existent_alias_deletion") as facts:
        name = functions.create(facts, "create_response")
        facts.hold("delete_alias_response", ask(functions.client.delete_alias, FunctionName=name, Name="none"))


def test_revisions_guard_versions_and_aliases(functions: Functions) -> None:
    client = functions.client
    with recording("TestLambdaRevisions::test_function_revisions_version_and_alias") as facts:
        name = functions.create(facts, "create_function_response_rev1", Environment={"Variables": {}})
        active = facts.hold("get_function_active_rev2", ask(client.get_function, FunctionName=name))
        refused = ask(client.publish_version, FunctionName=name, RevisionId="wrong")
        facts.hold("publish_version_revision_exception", refused)
        revision = active["Configuration"]["RevisionId"]
        published = ask(client.publish_version, FunctionName=name, RevisionId=revision)
        facts.hold("publish_version_response_rev_v1", published)
        facts.hold("get_function_latest_rev3", ask(client.get_function, FunctionName=name))
        version = {"FunctionName": name, "Qualifier": "1"}
        facts.hold("get_function_published_version_rev_v2", ask(client.get_function, **version))
        alias = {"FunctionName": name, "Name": "revision_alias"}
        created = facts.hold("create_alias_response_rev_a1", ask(client.create_alias, **alias, FunctionVersion="1"))
        facts.hold("get_function_latest_rev4", ask(client.get_function, FunctionName=name))
        facts.hold("get_function_published_version_rev_v3", ask(client.get_function, **version))
        change = {**alias, "Description": "something changed"}
        facts.hold("update_alias_revision_exception", ask(client.update_alias, **change, RevisionId="wrong"))
        changed = ask(client.update_alias, **change, RevisionId=created["RevisionId"])
        facts.hold("update_alias_response_rev_a2", changed)


def test_the_hash_guards_a_version(functions: Functions) -> None:
    client = functions.client
    with recording("TestLambdaVersions::test_publish_with_wrong_sha256") as facts:
        name = functions.create(facts, "create_response")
        shown = facts.hold("get_fn_response", ask(client.get_function, FunctionName=name))
        refused = ask(client.publish_version, FunctionName=name, CodeSha256="somenonexistentsha256")
        facts.hold("publish_wrong_sha256_exc", refused)
        right = shown["Configuration"]["CodeSha256"]
        facts.hold("publish_result", ask(client.publish_version, FunctionName=name, CodeSha256=right))


def test_permissions_add_up_in_order(functions: Functions) -> None:
    client, name = functions.client, functions.make()
    with recording("TestLambdaPermissions::test_create_multiple_lambda_permissions") as facts:
        for number, service in enumerate(("logs", "kinesis"), 1):
            answer = ask(client.add_permission, **_permission(name, service, service))
            facts.hold(f"add_permission_response_{number}", answer)
        facts.hold("policy_after_2_add", ask(client.get_policy, FunctionName=name))


def test_policies_belong_to_versions(functions: Functions) -> None:
    client, name = functions.client, functions.make()
    bucket = {"SourceArn": "arn:aws:s3:::bucket"}
    with recording("TestLambdaPermissions::test_lambda_permission_versioning") as facts:
        added = ask(client.add_permission, **_permission(name, "s3", "s3"), **bucket)
        facts.hold("add_permission", added)
        facts.hold("get_policy", ask(client.get_policy, FunctionName=name))
        client.publish_version(FunctionName=name)
        missing = ask(client.get_policy, FunctionName=name, Qualifier="1")
        facts.hold("get_policy_after_publishing_new_version", missing)
        facts.hold("get_policy_after_publishing_latest", ask(client.get_policy, FunctionName=name))
        client.add_permission(**_permission(name, "s3", "s3"), **bucket, Qualifier="1")
        facts.hold("get_policy_after_adding_to_new_version", ask(client.get_policy, FunctionName=name))
        client.add_permission(**_permission(name, "s3_2", "s3"), **bucket)
        facts.hold("get_policy_after_adding_2", ask(client.get_policy, FunctionName=name))


def _permission(name: str, statement: str, service: str) -> dict[str, str]:
    return {
        "FunctionName": name,
        "StatementId": statement,
        "Action": "lambda:InvokeFunction",
        "Principal": f"{service}.amazonaws.com",
    }


@pytest.mark.parametrize("scenario", family("TestLambdaTag::test_tag_lifecycle["))
def test_tags_come_and_go_as_recorded(functions: Functions, scenario: str) -> None:
    client, name = functions.client, functions.make()
    arn = f"{LAMBDA}:function:{name}"
    if "event_source_mapping" in scenario:
        made = client.create_event_source_mapping(FunctionName=name, EventSourceArn=QUEUE)
        arn = made["EventSourceMappingArn"]
    with recording(scenario) as facts:

        def hold(step: str, answer: Any) -> None:
            facts.hold(step, answer)
            facts.hold(f"{step}_listtags", ask(client.list_tags, Resource=arn))

        hold("tag_single_response", ask(client.tag_resource, Resource=arn, Tags={"A": "tag-a"}))
        hold("tag_multiple_response", ask(client.tag_resource, Resource=arn, Tags={"B": "tag-b", "C": "tag-c"}))
        overlap = {"C": "tag-c-newsuffix", "D": "tag-d"}
        hold("tag_overlap_response", ask(client.tag_resource, Resource=arn, Tags=overlap))
        hold("untag_single_response", ask(client.untag_resource, Resource=arn, TagKeys=["A"]))
        hold("untag_multiple_response", ask(client.untag_resource, Resource=arn, TagKeys=["B", "C"]))
        hold("untag_nonexisting_response", ask(client.untag_resource, Resource=arn, TagKeys=["F"]))
        both = ask(client.untag_resource, Resource=arn, TagKeys=["D", "F"])
        hold("untag_existing_and_nonexisting_response", both)


@pytest.mark.parametrize("scenario", family("TestLambdaTag::test_tag_exceptions["))
def test_only_what_is_there_can_be_tagged(functions: Functions, scenario: str) -> None:
    client, kind = functions.client, scenario.partition("[")[2].removesuffix("]").replace("_", "-")
    name = NO_MAPPING if kind == "event-source-mapping" else "none"
    arn = f"{LAMBDA}:{kind}:{name}"
    with recording(scenario) as facts:
        facts.hold("not_found_exception_tag", ask(client.tag_resource, Resource=arn, Tags={"A": "B"}))
        facts.hold("not_found_exception_untag", ask(client.untag_resource, Resource=arn, TagKeys=["A"]))
        facts.hold("not_found_exception_list", ask(client.list_tags, Resource=arn))
        aliased = ask(client.tag_resource, Resource=f"{arn}:alias", Tags={"A": "B"})
        facts.hold("aliased_arn_exception", aliased)
        foreign = ask(client.tag_resource, Resource=f"{LAMBDA}:foobar:{name}", Tags={"A": "B"})
        facts.hold("invalid_arn_exception", foreign)


def test_the_tags_of_a_function_are_shown_with_it(functions: Functions) -> None:
    client = functions.client
    with recording("TestLambdaTags::test_tag_lifecycle") as facts:
        shown = facts.expected("get_fn_response_postfncreate")["Configuration"]
        name = functions.make(Tags={"key_a": "value_a"}, Timeout=shown["Timeout"], Environment={"Variables": {}})
        arn = f"{LAMBDA}:function:{name}"

        def hold(step: str) -> None:
            facts.hold(f"list_tags_response_{step}", ask(client.list_tags, Resource=arn))
            facts.hold(f"get_fn_response_{step}", ask(client.get_function, FunctionName=name))

        hold("postfncreate")
        more = {f"key_{letter}": f"value_{letter}" for letter in "bcde"}
        facts.hold("tag_resource_response", ask(client.tag_resource, Resource=arn, Tags=more))
        hold("postaddtags")
        over = {"key_b": "value_b", "key_c": "value_x"}
        facts.hold("tag_resource_overwrite", ask(client.tag_resource, Resource=arn, Tags=over))
        hold("overwrite")
        client.untag_resource(Resource=arn, TagKeys=["key_c", "key_d"])
        hold("postuntag")
        client.untag_resource(Resource=arn, TagKeys=["key_a", "key_b", "key_e"])
        hold("postuntagall")
        client.delete_function(FunctionName=name)
        facts.hold("list_tags_postdelete", ask(client.list_tags, Resource=arn))


def test_a_function_has_fifty_tags_at_most(functions: Functions) -> None:
    client = functions.client
    many = {f"{number}_key": f"{number}_value" for number in range(51)}
    fifty = {key: value for key, value in many.items() if key != "50_key"}
    with recording("TestLambdaTags::test_tag_limits") as facts:
        members = {"Runtime": "python3.12", "Handler": "h.h", "Role": ROLE, "Code": {"ZipFile": CODE}}
        refused = ask(client.create_function, FunctionName="many-tags", Tags=many, **members)
        facts.hold("create_function_invalid_tags", refused)
        shown = facts.expected("get_fn_response")["Configuration"]
        name = functions.make(Timeout=shown["Timeout"], Environment={"Variables": {}})
        arn = f"{LAMBDA}:function:{name}"
        facts.hold("tag_lambda_too_many_tags", ask(client.tag_resource, Resource=arn, Tags=many))
        facts.hold("tag_response", ask(client.tag_resource, Resource=arn, Tags=fifty))
        facts.hold("list_tags_response", ask(client.list_tags, Resource=arn))
        facts.hold("get_fn_response", ask(client.get_function, FunctionName=name))
        one = ask(client.tag_resource, Resource=arn, Tags={"a_key": "a_value"})
        facts.hold("tag_lambda_too_many_tags_additional", one)


def test_versions_have_no_tags(functions: Functions) -> None:
    client, name = functions.client, functions.make()
    client.publish_version(FunctionName=name)
    arn = f"{LAMBDA}:function:{name}"
    with recording("TestLambdaTags::test_tag_versions") as facts:
        facts.hold("tag_resource_exception", ask(client.tag_resource, Resource=f"{arn}:1", Tags={"A": "B"}))
        latest = ask(client.tag_resource, Resource=f"{arn}:$LATEST", Tags={"A": "B"})
        facts.hold("tag_resource_latest_exception", latest)


def test_tags_are_refused_as_recorded(functions: Functions, unchecked: Any) -> None:
    client, name = functions.client, functions.make()
    arn = f"{LAMBDA}:function:{name}"
    tags = {"A": "B"}
    with recording("TestLambdaTags::test_tag_exceptions") as facts:
        missing = ask(client.tag_resource, Resource=f"{LAMBDA}:function:doesnotexist", Tags=tags)
        facts.hold("tag_lambda_doesnotexist", missing)
        facts.hold("tag_lambda_qualifier_doesnotexist", ask(client.tag_resource, Resource=f"{arn}:v1", Tags=tags))
        facts.hold("tag_lambda_invalidarn", ask(client.tag_resource, Resource="arn:aws:something", Tags=tags))
        facts.hold("tag_empty_tags", ask(client.tag_resource, Resource=arn, Tags={}))
        facts.hold("list_tag_lambda_empty", ask(client.list_tags, Resource=arn))
        facts.hold("untag_nomatch", ask(client.untag_resource, Resource=arn, TagKeys=["somekey"]))
        facts.hold("untag_empty_keys", ask(unchecked.untag_resource, Resource=arn, TagKeys=[]))


def test_mappings_are_refused_as_recorded(functions: Functions) -> None:
    client, name = functions.client, functions.make()
    with recording("TestLambdaEventSourceMappings::test_event_source_mapping_exceptions") as facts:
        facts.hold("get_unknown_uuid", ask(client.get_event_source_mapping, UUID=NO_MAPPING))
        facts.hold("delete_unknown_uuid", ask(client.delete_event_source_mapping, UUID=NO_MAPPING))
        facts.hold("update_unknown_uuid", ask(client.update_event_source_mapping, UUID=NO_MAPPING, Enabled=False))
        nameless = ask(client.create_event_source_mapping, FunctionName="doesnotexist")
        facts.hold("create_no_event_source_arn", nameless)
        missing = ask(client.create_event_source_mapping, FunctionName="doesnotexist", EventSourceArn=QUEUE)
        facts.hold("create_unknown_params", missing)
        destination = {"OnSuccess": {"Destination": f"{QUEUE}-two"}}
        refused = ask(
            client.create_event_source_mapping, FunctionName=name, EventSourceArn=QUEUE, DestinationConfig=destination
        )
        facts.hold("destination_config_failure", refused)


def test_mappings_take_every_form_of_a_name(functions: Functions) -> None:
    client, name = functions.client, functions.make()
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="myalias", FunctionVersion="1")
    full, partial = f"{LAMBDA}:function:{name}", f"{ACCOUNT}:function:{name}"
    named = {
        "name_only": name,
        "partial_arn_latest": f"{partial}:$LATEST",
        "partial_arn_version": f"{partial}:1",
        "partial_arn_alias": f"{partial}:myalias",
        "full_arn_latest": full,
        "full_arn_version": f"{full}:1",
        "full_arn_alias": f"{full}:myalias",
    }
    with recording("TestLambdaEventSourceMappings::test_function_name_variations") as facts:
        for step, function in named.items():
            made = ask(client.create_event_source_mapping, FunctionName=function, EventSourceArn=QUEUE)
            facts.hold(f"{step}_create_esm", made)
            _remove_mapping(client, made["UUID"])


def _remove_mapping(client: Any, uuid: str) -> None:
    """Deleted and gone: the same source and function may then be mapped again."""
    while "Error" not in ask(client.get_event_source_mapping, UUID=uuid):
        ask(client.delete_event_source_mapping, UUID=uuid)


def test_urls_live_as_recorded(functions: Functions) -> None:
    client, name = functions.client, functions.make()
    with recording("TestLambdaUrl::test_url_config_lifecycle") as facts:
        facts.hold("url_creation", ask(client.create_function_url_config, FunctionName=name, AuthType="NONE"))
        facts.hold("failed_duplication", ask(client.create_function_url_config, FunctionName=name, AuthType="NONE"))
        facts.hold("get_url_config", ask(client.get_function_url_config, FunctionName=name))
        updated = ask(client.update_function_url_config, FunctionName=name, AuthType="AWS_IAM")
        facts.hold("updated_url_config", updated)
        client.delete_function_url_config(FunctionName=name)
        facts.hold("failed_getter", ask(client.get_function_url_config, FunctionName=name))


def test_a_url_goes_and_those_of_aliases_stay(functions: Functions) -> None:
    client, name = functions.client, functions.make()
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="test-alias", FunctionVersion="1")
    alias = {"FunctionName": name, "Qualifier": "test-alias"}
    with recording("TestLambdaUrl::test_url_config_deletion_without_qualifier") as facts:
        facts.hold("url_creation", ask(client.create_function_url_config, FunctionName=name, AuthType="NONE"))
        facts.hold("url_with_alias_creation", ask(client.create_function_url_config, **alias, AuthType="NONE"))
        facts.hold("get_url_config", ask(client.get_function_url_config, FunctionName=name))
        facts.hold("get_url_config_with_alias", ask(client.get_function_url_config, **alias))
        facts.hold("delete_function_url_config", ask(client.delete_function_url_config, FunctionName=name))
        facts.hold("get_url_config_after_deletion", ask(client.get_function_url_config, FunctionName=name))
        facts.hold("get_url_config_with_alias_after_deletion", ask(client.get_function_url_config, **alias))


def test_recursion_is_allowed_as_recorded(functions: Functions) -> None:
    client, name = functions.client, functions.make()
    with recording("TestLambdaRecursion::test_put_function_recursion_config_allow") as facts:
        put = ask(client.put_function_recursion_config, FunctionName=name, RecursiveLoop="Allow")
        facts.hold("put_recursion_config_response", put)
        facts.hold("get_recursion_config_response", ask(client.get_function_recursion_config, FunctionName=name))
    with recording("TestLambdaRecursion::test_put_function_recursion_config_invalid_value") as facts:
        refused = ask(client.put_function_recursion_config, FunctionName=name, RecursiveLoop="InvalidValue")
        facts.hold("put_recursion_invalid_value_error", refused)


def test_code_signing_that_is_not_there_is_refused_as_recorded(functions: Functions) -> None:
    client, name = functions.client, functions.make()
    wrong = f"{LAMBDA}:code-signing-config:csc-0123456789abcdef0"
    absent = "csc-test-doesnotexist"
    publishers = {"SigningProfileVersionArns": [f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/test"]}
    with recording("TestCodeSigningConfig::test_code_signing_not_found_excs") as facts:
        policies = {"UntrustedArtifactOnDeployment": "Enforce"}
        made = ask(
            client.create_code_signing_config,
            Description="Testing CodeSigning Config",
            AllowedPublishers=publishers,
            CodeSigningPolicies=policies,
        )
        facts.hold("create_code_signing_config", made)
        arn = made["CodeSigningConfig"]["CodeSigningConfigArn"]
        facts.hold("update_csc_invalid_csc_arn", ask(client.update_code_signing_config, CodeSigningConfigArn=wrong))
        facts.hold("update_csc_noupdates", ask(client.update_code_signing_config, CodeSigningConfigArn=wrong))
        facts.hold("update_csc_noupdate_response", ask(client.update_code_signing_config, CodeSigningConfigArn=arn))
        facts.hold("get_csc_invalid", ask(client.get_code_signing_config, CodeSigningConfigArn=wrong))
        facts.hold("delete_csc_notfound", ask(client.delete_code_signing_config, CodeSigningConfigArn=wrong))
        put = client.put_function_code_signing_config
        for step, function, config in (
            ("put_function_csc_invalid_fnname", absent, arn),
            ("put_function_csc_invalid_csc_arn", name, wrong),
            ("put_function_csc_invalid_both", absent, wrong),
        ):
            facts.hold(step, ask(put, FunctionName=function, CodeSigningConfigArn=config))
        get, delete = client.get_function_code_signing_config, client.delete_function_code_signing_config
        facts.hold("get_function_csc_nonexistingfn", ask(get, FunctionName=absent))
        facts.hold("get_function_csc_fnwithoutcsc", ask(get, FunctionName=name))
        facts.hold("delete_function_csc_fnnotfound", ask(delete, FunctionName=absent))
        facts.hold("nothing_to_delete_response", ask(delete, FunctionName=name))
        by_config = client.list_functions_by_code_signing_config
        facts.hold("list_functions_by_csc_invalid_cscarn", ask(by_config, CodeSigningConfigArn=wrong))
        facts.hold("list_functions_by_csc_fnwithoutcsc", ask(by_config, CodeSigningConfigArn=arn))
