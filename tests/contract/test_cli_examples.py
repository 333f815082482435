"""Every example in the AWS CLI's documentation of Lambda runs, and prints the keys that the page shows.

The real CLI, in this process: starting it anew for each example takes longer than all examples together.
"""

import io
import json
import os
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from awscli.clidriver import create_clidriver

from tests.contract.cli_examples import Example, examples, key_paths
from tests.contract.in_process import zip_of
from tests.contract.live_server import RUNTIME, LiveServer, start_server
from tests.moto_server import MotoServer, moto_server

ELSEWHERE = "java21"  # no such runtime is installed: nothing starts
EXAMPLES = examples()
# Keys that AWS answers now and the pages, written years ago, do not show.
FUNCTION = (
    "Architectures", "EphemeralStorage*", "LastUpdateStatus*", "LoggingConfig*", "PackageType", "RevisionId",
    "RuntimeVersionConfig*", "SnapStart*", "State", "StateReason*", "VpcConfig.Ipv6AllowedForDualStack",
)  # fmt: skip
MAPPING = (
    "EventSourceMappingArn", "FunctionResponseTypes", "MaximumBatchingWindowInSeconds", "ScalingConfig",
)  # fmt: skip
NEWER: dict[str, tuple[str, ...]] = {
    "create-event-source-mapping": MAPPING,
    "create-function": FUNCTION,
    "delete-event-source-mapping": MAPPING,
    "delete-function": ("StatusCode",),
    "get-event-source-mapping": MAPPING,
    "get-function": tuple(f"Configuration.{key}" for key in FUNCTION),
    "get-function-configuration": FUNCTION,
    "list-event-source-mappings": tuple(f"EventSourceMappings.{key}" for key in MAPPING),
    "list-function-event-invoke-configs": ("FunctionEventInvokeConfigs.DestinationConfig*",),
    "list-functions": tuple(f"Functions.{key}" for key in FUNCTION),
    "list-versions-by-function": tuple(f"Versions.{key}" for key in FUNCTION),
    "publish-version": FUNCTION,
    "put-provisioned-concurrency-config": ("AvailableProvisionedConcurrentExecutions",),
    "update-event-source-mapping": MAPPING,
    "update-function-code": FUNCTION,
    "update-function-configuration": FUNCTION,
}
# Slips of the pages: the model has no such member there.
SLIPS = {"list-layer-versions": ("Layers*", "LayerVersions*")}
ACCOUNTS = count(700_000_000_000)


@pytest.fixture(scope="module")
def buckets() -> Iterator[MotoServer]:
    with moto_server() as moto:
        yield moto


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, runtimes: Path, buckets: MotoServer) -> Iterator[LiveServer]:
    data_dir = tmp_path_factory.mktemp("cli") / "data"
    data_dir.mkdir()
    (data_dir / "runtimes").symlink_to(runtimes)
    settings = {**buckets.settings("s3"), "LAMPLIGHTER_INSTALL_RUNTIMES": "false"}
    server = start_server("dev", data_dir, environment=settings)
    yield server
    server.stop()


class World:
    """What an example takes for granted, in an account of its own. The steps are the names in NEEDS."""

    def __init__(self, server: LiveServer, buckets: MotoServer, region: str) -> None:
        self.account = str(next(ACCOUNTS))
        self.region = region
        self.mapping = "none"
        self._server = server
        self._buckets = buckets
        caller = LiveServer(server.process, server.endpoint, server.data_dir, server.log, region, (self.account, "any"))
        self._client: Any = caller.client()
        self._arn = f"arn:aws:lambda:{region}:{self.account}"

    def function(self, runtime: str = ELSEWHERE, **members: Any) -> None:
        self._client.create_function(
            FunctionName="my-function",
            Runtime=runtime,
            Handler="index.handler",
            Role=f"arn:aws:iam::{self.account}:role/any",
            Code={"ZipFile": zip_of(index="def handler(event, context):\n    return event\n")},
            **members,
        )
        self._client.get_waiter("function_active_v2").wait(FunctionName="my-function")

    def running_function(self) -> None:
        self.function(RUNTIME)

    def vpc_function(self) -> None:
        self.function(VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]})

    def layered_function(self) -> None:
        self.layer()
        self.function(
            Layers=[f"{self._arn}:layer:my-layer:1"],
            VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        )

    def versions(self) -> None:
        for number in (1, 2, 3):
            self._client.update_function_configuration(FunctionName="my-function", Description=f"version {number}")
            self._client.get_waiter("function_updated_v2").wait(FunctionName="my-function")
            self._client.publish_version(FunctionName="my-function")

    def version(self) -> None:
        self._client.publish_version(FunctionName="my-function")

    def aliases(self) -> None:
        for name in ("LIVE", "BLUE", "GREEN"):
            self._client.create_alias(FunctionName="my-function", Name=name, FunctionVersion="1", Description=name)

    def layer(self, name: str = "my-layer") -> None:
        for _ in (1, 2):
            self._client.publish_layer_version(
                LayerName=name,
                Description="My layer",
                LicenseInfo="MIT",
                Content={"ZipFile": zip_of(any="")},
                CompatibleRuntimes=["python3.10", "python3.11"],
            )

    def plain_layer(self) -> None:
        self._client.publish_layer_version(
            LayerName="my-layer",
            Description="My layer",
            Content={"ZipFile": zip_of(any="")},
            CompatibleRuntimes=["python3.11"],
        )

    def public_layer(self) -> None:
        self.layer("AWSLambda-Python311-SciPy1x")

    def layer_permission(self) -> None:
        self._client.add_layer_version_permission(
            LayerName="my-layer",
            VersionNumber=1,
            StatementId="xaccount",
            Action="lambda:GetLayerVersion",
            Principal="210987654321",
        )

    def permission(self) -> None:
        self._client.add_permission(
            FunctionName="my-function",
            StatementId="sns",
            Action="lambda:InvokeFunction",
            Principal="sns.amazonaws.com",
        )

    def event_source(self) -> None:
        arn = f"arn:aws:sqs:{self.region}:{self.account}:mySQSqueue"
        created = self._client.create_event_source_mapping(FunctionName="my-function", EventSourceArn=arn, BatchSize=5)
        self.mapping = created["UUID"]
        while self._client.get_event_source_mapping(UUID=self.mapping)["State"] == "Creating":
            pass

    def concurrency(self) -> None:
        self._client.put_function_concurrency(FunctionName="my-function", ReservedConcurrentExecutions=250)

    def provisioned(self) -> None:
        for alias in ("BLUE", "GREEN"):
            self._client.put_provisioned_concurrency_config(
                FunctionName="my-function", Qualifier=alias, ProvisionedConcurrentExecutions=1
            )
        while self._provisioning() == "IN_PROGRESS":
            pass

    def _provisioning(self) -> str:
        shown = self._client.list_provisioned_concurrency_configs(FunctionName="my-function")
        states = {config["Status"] for config in shown["ProvisionedConcurrencyConfigs"]}
        return "IN_PROGRESS" if "IN_PROGRESS" in states else str(states)

    def event_settings(self) -> None:
        self._event_settings("$LATEST")

    def event_settings_of_aliases(self) -> None:
        self._event_settings("BLUE", "GREEN")

    def _event_settings(self, *qualifiers: str) -> None:
        for qualifier in qualifiers:
            self._client.put_function_event_invoke_config(
                FunctionName="my-function",
                Qualifier=qualifier,
                MaximumRetryAttempts=0,
                MaximumEventAgeInSeconds=3600,
                DestinationConfig={
                    "OnFailure": {"Destination": f"arn:aws:sqs:{self.region}:{self.account}:failed-invocations"}
                },
            )

    def tags(self) -> None:
        self._client.tag_resource(
            Resource=f"{self._arn}:function:my-function", Tags={"Category": "Web Tools", "Department": "Sales"}
        )

    def bucket(self) -> None:
        """The object store knows one account: the names are those after the account is put in."""
        client = self._buckets.client("s3")
        name = f"lambda-layers-us-west-2-{self.account}"
        client.create_bucket(Bucket=name)
        client.put_object(Bucket=name, Key="layer.zip", Body=zip_of(any=""))


NEEDS: dict[str, tuple[Callable[[World], None], ...]] = {
    "add-layer-version-permission": (World.layer,),
    "add-permission": (World.function,),
    "create-alias": (World.function, World.version),
    "create-event-source-mapping": (World.function,),
    "create-function": (),
    "delete-alias": (World.function, World.version, World.aliases),
    "delete-event-source-mapping": (World.function, World.event_source),
    "delete-function": (World.function,),
    "delete-function-concurrency": (World.function, World.concurrency),
    "delete-function-event-invoke-config": (
        World.function,
        World.version,
        World.aliases,
        World.event_settings_of_aliases,
    ),
    "delete-layer-version": (World.layer,),
    "delete-provisioned-concurrency-config": (World.function, World.version, World.aliases, World.provisioned),
    "get-account-settings": (World.function,),
    "get-alias": (World.function, World.version, World.aliases),
    "get-event-source-mapping": (World.function, World.event_source),
    "get-function": (World.vpc_function, World.concurrency),
    "get-function-concurrency": (World.function, World.concurrency),
    "get-function-configuration": (World.vpc_function, World.versions),
    "get-function-event-invoke-config": (World.function, World.version, World.aliases, World.event_settings_of_aliases),
    "get-layer-version": (World.layer,),
    "get-layer-version-by-arn": (World.public_layer,),
    "get-layer-version-policy": (World.layer, World.layer_permission),
    "get-policy": (World.function, World.permission),
    "get-provisioned-concurrency-config": (
        World.running_function,
        World.version,
        World.aliases,
        World.provisioned,
    ),
    "invoke": (World.running_function,),
    "list-aliases": (World.function, World.version, World.aliases),
    "list-event-source-mappings": (World.function, World.event_source),
    "list-function-event-invoke-configs": (
        World.function,
        World.version,
        World.aliases,
        World.event_settings_of_aliases,
    ),
    "list-functions": (World.layered_function,),
    "list-layer-versions": (World.plain_layer,),
    "list-layers": (World.plain_layer,),
    "list-provisioned-concurrency-configs": (
        World.running_function,
        World.version,
        World.aliases,
        World.provisioned,
    ),
    "list-tags": (World.function, World.tags),
    "list-versions-by-function": (World.vpc_function, World.version),
    "publish-layer-version": (World.bucket,),
    "publish-version": (World.function,),
    "put-function-concurrency": (World.function,),
    "put-function-event-invoke-config": (World.function,),
    "put-provisioned-concurrency-config": (World.function, World.version, World.aliases),
    "remove-layer-version-permission": (World.layer, World.layer_permission),
    "remove-permission": (World.function, World.permission),
    "tag-resource": (World.function,),
    "untag-resource": (World.function, World.tags),
    "update-alias": (World.function, World.versions, World.aliases),
    "update-event-source-mapping": (World.function, World.event_source),
    "update-function-code": (World.vpc_function,),
    "update-function-configuration": (World.vpc_function,),
    "update-function-event-invoke-config": (World.function, World.event_settings),
}


def run_cli(words: list[str], world: World, endpoint: str) -> tuple[int, str, str]:
    """What `aws WORDS` ends with and prints."""
    output, errors = io.StringIO(), io.StringIO()
    options = ["--endpoint-url", endpoint, "--region", world.region, "--output", "json"]
    before = dict(os.environ)
    os.environ.update(AWS_ACCESS_KEY_ID=world.account, AWS_SECRET_ACCESS_KEY="any", AWS_MAX_ATTEMPTS="1")
    os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    try:
        with redirect_stdout(output), redirect_stderr(errors):
            code = create_clidriver().main([*words, *options])
    finally:
        os.environ.clear()
        os.environ.update(before)
    return code, output.getvalue(), errors.getvalue()


@pytest.mark.filterwarnings("default")  # the CLI's own
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_example_runs_and_prints_the_documented_keys(
    example: Example, server: LiveServer, buckets: MotoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my-function.zip").write_bytes(zip_of(index="def handler(event, context):\n    return 1\n"))
    world = World(server, buckets, example.region)
    for prepare in NEEDS[example.verb]:
        prepare(world)

    code, printed, errors = run_cli(example.of_account(world.account, world.mapping), world, server.endpoint)

    assert code == 0, errors
    shown = key_paths(json.loads(printed)) if printed.strip() else set()
    documented = key_paths(example.output) if example.output is not None else set()
    documented -= _matching(documented, SLIPS.get(example.verb, ()))
    shown -= _matching(shown, SLIPS.get(example.verb, ()))
    assert documented - shown == set()
    assert shown - documented - _matching(shown, NEWER.get(example.verb, ())) == set()


def _matching(paths: set[str], patterns: tuple[str, ...]) -> set[str]:
    return {path for path in paths if any(fnmatchcase(path, pattern) for pattern in patterns)}


def test_every_page_is_tried() -> None:
    assert {example.verb for example in EXAMPLES} == set(NEEDS)
    assert len(EXAMPLES) >= 50
