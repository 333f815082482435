"""The composition root: builds every object once, in order, from the configuration, and ends them in reverse.

Nobody below sees the configuration, nobody else chooses drivers. Must not hold logic of its own.
"""

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from lamplighter.aws.operation import OperationRegistry
from lamplighter.aws.service import load_service
from lamplighter.aws_client.client import AwsClient, Place
from lamplighter.config import Configuration
from lamplighter.control.assembly import Control, ControlParts, build_control
from lamplighter.control.roles import IamRoles
from lamplighter.control.s3_objects import S3Objects
from lamplighter.environments.blueprint import Blueprint, Blueprints
from lamplighter.environments.fast_starts import FastStarts
from lamplighter.environments.pools import EnvironmentPools, PoolSettings
from lamplighter.frontends.authentication import Authenticator, OpenAuthenticator, SignedAuthenticator
from lamplighter.frontends.code_downloads import CodeDownloads
from lamplighter.frontends.counters import ApiCounters
from lamplighter.frontends.lambda_api.frontend import ApiParts, LambdaApi
from lamplighter.frontends.lambda_api.sizes import RequestSizes
from lamplighter.frontends.public_listener import Address, ListenFailed, PublicListener
from lamplighter.identity.context import RootAuthoriser
from lamplighter.identity.keys import CredentialsRefused, RootKeyRing, open_root_key, open_secret
from lamplighter.invocation.admission import Admission
from lamplighter.invocation.asynchronous.events import AsyncSettings
from lamplighter.invocation.asynchronous.plane import AsyncPlane
from lamplighter.invocation.door import Invocation
from lamplighter.kernel.clock import Clock, SystemClock
from lamplighter.kernel.ids import Ids, RandomIds
from lamplighter.kernel.limits import Limits
from lamplighter.observability.logs import LogStore
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.resources.functions.rules import takes_snapshot
from lamplighter.sandboxes.drivers import open_driver
from lamplighter.sandboxes.file_systems import FileSystems
from lamplighter.sandboxes.network import Network, open_network
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from lamplighter.sandboxes.runtimes.on_demand import RuntimesOnDemand
from lamplighter.sandboxes.runtimes.runtime import RuntimeMissing
from lamplighter.sandboxes.sandbox import SandboxDriver, SandboxFailed
from lamplighter.storage.blobs import BlobStore
from lamplighter.storage.packages import PackageStore
from lamplighter.storage.sqlite.engine import SqliteStorage
from lamplighter.storage.storage import Storage, StorageFailed, StorageRefused
from lamplighter.wire.http_client import HttpClient
from lamplighter.wire.large_buffers import keep_freed_memory

_log = logging.getLogger(__name__)

# Called once with the endpoint and the driver's name when requests will be answered.
Ready = Callable[[str, str], None]


class StartRefused(Exception):
    """The server cannot start or go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What every part is built on."""

    configuration: Configuration
    clock: Clock
    ids: Ids
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Everything that is kept on disk."""

    storage: Storage
    blobs: BlobStore
    packages: PackageStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """Where functions run. `initialise` readies what a version needs before its first invoke."""

    pools: EnvironmentPools
    initialise: Callable[[FunctionConfiguration], Awaitable[None]]
    version_changed: Callable[[str, str | None], None]


def serve(configuration: Configuration, ready: Ready) -> None:
    """Serve until SIGTERM or SIGINT. Raises StartRefused."""
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(configuration, ready))
    except (StorageRefused, StorageFailed, SandboxFailed, CredentialsRefused, ListenFailed) as error:
        raise StartRefused(str(error)) from error
    except OSError as error:
        raise StartRefused(f"{error.strerror}: {error.filename or configuration.data_dir}") from error


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop  # optional: where it has no wheel, asyncio's own loop serves as well
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


async def _serve(configuration: Configuration, ready: Ready) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    base = Base(configuration=configuration, clock=SystemClock(), ids=RandomIds(), limits=_limits(configuration))
    async with AsyncExitStack() as stack:
        data = _open_data(base, stack)
        network = await _open_network(configuration, stack)
        driver = await open_driver(configuration.driver, configuration.data_dir / "sandboxes", network)
        stack.push_async_callback(driver.close)
        compute = _build_compute(base, data, driver, stack)
        client = _build_client(base, stack)
        control = _build_control(base, data, compute, client)
        events = _build_events(base, data, control, client, stack)
        door = _build_door(base, compute, control, events)
        listener = await _listen(base, data, control, door, events, stack)
        if network is not None and network.api_listener is not None:
            await listener.open_inside(network.api_listener)
        stack.callback(events.pause)
        _settle_memory()
        ready(listener.endpoint, driver.name)
        await _run_until_stopped(stopping, data.storage, control, events)


def _limits(configuration: Configuration) -> Limits:
    return Limits(
        concurrent_executions=configuration.concurrent_executions,
        requests_per_environment=configuration.requests_per_environment,
        scaling_environments=configuration.scaling_environments,
        scaling_seconds=configuration.scaling_seconds,
        calls_per_second=configuration.calls_per_second,
    )


async def _open_network(configuration: Configuration, stack: AsyncExitStack) -> Network | None:
    network = await open_network(configuration.egress_policy, configuration.data_dir)
    if network is not None:
        stack.push_async_callback(network.close)
    return network


def _open_data(base: Base, stack: AsyncExitStack) -> Data:
    directory = base.configuration.data_dir
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    storage = SqliteStorage.open(directory / "storage")
    stack.push_async_callback(storage.close)
    blobs = BlobStore(directory / "blobs")
    packages = PackageStore(blobs, directory / "packages", ids=base.ids)
    stack.push_async_callback(packages.close)
    return Data(storage=storage, blobs=blobs, packages=packages)


def _build_compute(base: Base, data: Data, driver: SandboxDriver, stack: AsyncExitStack) -> Compute:
    configuration = base.configuration
    logs = LogStore(configuration.logs_dir)
    stack.push_async_callback(logs.close)
    runtimes = RuntimesOnDemand(RuntimeDirectory(configuration.runtimes_dir))
    stack.push_async_callback(runtimes.close)
    starts = _build_fast_starts(base, driver, logs, stack)
    blueprints = Blueprints(
        runtimes,
        data.packages,
        file_systems=FileSystems(configuration.file_systems),
        server_env=configuration.egress_policy.variables,
    )

    async def warm(function: FunctionConfiguration) -> None:
        if configuration.install_runtimes and function.runtime:
            await runtimes.ensure(function.runtime)
            with contextlib.suppress(RuntimeMissing):
                starts.warm(function.account_id, runtimes.get(function.runtime))

    async def initialise(function: FunctionConfiguration) -> None:
        await warm(function)
        if takes_snapshot(function):
            await starts.initialise(await blueprints.prepare(function))

    async def prepare(function: FunctionConfiguration) -> Blueprint:
        await warm(function)
        return starts.equip(await blueprints.prepare(function))

    pools = EnvironmentPools(
        driver=driver,
        logs=logs,
        prepare=prepare,
        settings=_pool_settings(configuration),
        limits=base.limits,
        clock=base.clock,
        ids=base.ids,
    )
    stack.push_async_callback(pools.close, configuration.drain_seconds)
    return Compute(pools=pools, initialise=initialise, version_changed=starts.version_changed)


def _build_fast_starts(base: Base, driver: SandboxDriver, logs: LogStore, stack: AsyncExitStack) -> FastStarts:
    starts = FastStarts(
        driver,
        base.configuration.data_dir / "sandboxes" / "images",
        logs=logs,
        clock=base.clock,
        ids=base.ids,
        limits=base.limits,
        has_zygotes=base.configuration.zygotes,
    )
    stack.push_async_callback(starts.close)
    return starts


def _pool_settings(configuration: Configuration) -> PoolSettings:
    return PoolSettings(
        idle_seconds=configuration.idle_environment_seconds,
        freeze_after_seconds=configuration.freeze_after_seconds,
        max_environments=configuration.max_environments,
        max_memory_mib=configuration.max_memory_mib,
        memory_share=configuration.memory_share,
    )


def _build_control(base: Base, data: Data, compute: Compute, client: AwsClient) -> Control:
    place = Place(base.configuration.account_id, base.configuration.region)
    control = build_control(
        ControlParts(
            storage=data.storage,
            blobs=data.blobs,
            packages=data.packages,
            ids=base.ids,
            limits=base.limits,
            link_secret=open_secret(base.configuration.data_dir / "link-secret", base.ids),
            objects=S3Objects(client, place) if client.has("s3") else None,
            roles=IamRoles(client) if client.has("iam") else None,
            initialise=compute.initialise,
            url_domain=base.configuration.function_url_domain,
            environments=compute.pools,
        )
    )
    control.directory.subscribe(compute.pools.version_changed)
    control.directory.subscribe(compute.version_changed)
    return control


def _build_client(base: Base, stack: AsyncExitStack) -> AwsClient:
    http = HttpClient()
    stack.callback(http.close)
    return AwsClient(base.configuration.endpoints, http, base.clock)


def _build_events(base: Base, data: Data, control: Control, client: AwsClient, stack: AsyncExitStack) -> AsyncPlane:
    configuration = base.configuration
    events = AsyncPlane(
        storage=data.storage,
        blobs=BlobStore(configuration.data_dir / "payloads"),
        directory=control.directory,
        clock=base.clock,
        ids=base.ids,
        limits=base.limits,
        settings=AsyncSettings(
            concurrency=configuration.async_concurrency,
            queue_limit=configuration.async_queue_limit,
            time_scale=configuration.async_time_scale,
        ),
        client=client,
    )
    stack.push_async_callback(events.close, configuration.drain_seconds)
    return events


def _build_door(base: Base, compute: Compute, control: Control, events: AsyncPlane) -> Invocation:
    admission = Admission(
        base.limits,
        clock=base.clock,
        claimed=control.claimed_concurrency,
        environments=compute.pools.environments_of,
    )
    control.directory.subscribe_to_functions(admission.function_changed)
    compute.pools.when_environment_ended(admission.environment_ended)
    door = Invocation(
        control.directory,
        compute.pools,
        limits=base.limits,
        admission=admission,
        clock=base.clock,
        ids=base.ids,
        events=events.events,
    )
    events.connect(door)
    return door


async def _listen(
    base: Base, data: Data, control: Control, door: Invocation, events: AsyncPlane, stack: AsyncExitStack
) -> PublicListener:
    configuration = base.configuration
    counters = ApiCounters()
    parts = ApiParts(
        service=load_service("lambda"),
        registry=OperationRegistry(control.operations(door)),
        authenticator=_authenticator(base),
        authoriser=RootAuthoriser(),
        sizes=RequestSizes.of(base.limits),
        counters=counters,
        clock=base.clock,
        ids=base.ids,
        scheme="https" if configuration.tls_certificate else "http",
    )
    downloads = CodeDownloads(data.blobs, control.plane.links, base.clock)
    listener = PublicListener(LambdaApi(parts), downloads, counters, base.clock, base.ids, events.read_figures)
    address = Address(
        host=configuration.host,
        port=configuration.port,
        certificate=configuration.tls_certificate,
        key=configuration.tls_key,
    )
    stack.push_async_callback(listener.close, configuration.drain_seconds)
    await listener.open(address)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reload_certificate, listener, address)
    _leave_endpoint(configuration, listener.endpoint, stack)
    listener.set_ready(is_ready=True)
    return listener


def _authenticator(base: Base) -> Authenticator:
    configuration = base.configuration
    if configuration.is_open:
        return OpenAuthenticator(configuration.account_id, configuration.region)
    key = open_root_key(configuration.credentials_file, configuration.account_id, base.ids)
    return SignedAuthenticator(RootKeyRing(key), base.clock)


def _reload_certificate(listener: PublicListener, address: Address) -> None:
    try:
        listener.reload_certificate(address)
    except ListenFailed as error:
        _log.error("keeping the old certificate: %s", error)  # the cause is known, no traceback


def _leave_endpoint(configuration: Configuration, endpoint: str, stack: AsyncExitStack) -> None:
    """Write down where the server answers, for `lamplighter env` and its sisters; removed at the end."""
    file = configuration.endpoint_file
    told = {
        "endpoint": endpoint,
        "mode": configuration.mode,
        "region": configuration.region,
        "account_id": configuration.account_id,
        "certificate": str(configuration.tls_certificate) if configuration.tls_certificate else None,
        "pid": os.getpid(),
    }
    temporary = file.with_suffix(".new")
    temporary.write_text(json.dumps(told), encoding="utf-8")
    temporary.replace(file)
    stack.callback(file.unlink, missing_ok=True)


def _settle_memory() -> None:
    """What start-up has made lives as long as the server: keep the collector from looking at it again and again."""
    gc.collect()
    gc.freeze()
    keep_freed_memory()


async def _run_until_stopped(stopping: asyncio.Event, storage: Storage, control: Control, events: AsyncPlane) -> None:
    """Return on a signal; a disk that failed ends the server rather than letting it acknowledge again."""
    async with asyncio.TaskGroup() as group:
        reconciling = group.create_task(control.run(), name="reconcilers")
        dispatching = group.create_task(events.run(), name="asynchronous invocation")
        failed = group.create_task(storage.wait_failed(), name="storage watch")
        stopped = group.create_task(stopping.wait(), name="signals")
        ends = (failed, stopped, reconciling, dispatching)
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for running in ends:
            running.cancel()
    if failed.done() and not failed.cancelled():
        raise failed.result()
