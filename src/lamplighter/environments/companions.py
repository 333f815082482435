"""What lives beside the runtime in one life of a sandbox: extensions, telemetry subscribers, and the APIs they call.

Starts external extensions before the runtime, tells when all have settled or one has failed, and leads them through
the shutdown phase. Must not know invokes.
"""

import asyncio
import contextlib
import os
import signal
import socket
from typing import Protocol

from lamplighter.environments.background import Background
from lamplighter.environments.blueprint import Blueprint
from lamplighter.environments.extensions.events import shutdown_event
from lamplighter.environments.extensions.extension import SHUTDOWN, Extension
from lamplighter.environments.extensions.machine import ExtensionTrigger
from lamplighter.environments.extensions.registry import CRASH, LAUNCH_ERROR, Extensions, NotRegistered
from lamplighter.environments.faults import Fault, exit_reason
from lamplighter.environments.journal import Journal
from lamplighter.environments.live_sandbox import LiveSandbox
from lamplighter.environments.local_apis import LocalApis
from lamplighter.environments.telemetry.hub import TelemetryHub
from lamplighter.environments.telemetry.subscription import Subscription
from lamplighter.environments.variables import extension_variables
from lamplighter.kernel.clock import Clock
from lamplighter.kernel.ids import Ids
from lamplighter.sandboxes.sandbox import ProcessExit, SandboxSpec

_FOLDER = "/opt/extensions"
# Of the time that the shutdown phase may take, the runtime gets this share where extensions follow it.
_RUNTIME_SHARE = 0.3
_FLUSH_SECONDS = 0.5


class Owner(Protocol):
    """The execution environment."""

    def companions_settled(self) -> None: ...

    def companion_failed(self, companions: "Companions", fault: Fault) -> None: ...


class Companions:
    """One life of a sandbox."""

    def __init__(
        self,
        blueprint: Blueprint,
        spec: SandboxSpec,
        journal: Journal,
        owner: Owner,
        *,
        clock: Clock,
        ids: Ids,
        background: Background,
    ) -> None:
        self._blueprint = blueprint
        self._spec = spec
        self._journal = journal
        self._owner = owner
        self._clock = clock
        self._background = background
        self._live: LiveSandbox | None = None
        self._registered = asyncio.Event()
        self._is_closed = False
        self.extensions = Extensions(self, ids)
        self.telemetry = TelemetryHub(self._connect, background, clock)
        self.apis = LocalApis(
            self.extensions, self, blueprint.configuration, spec.env.get("AWS_LAMBDA_METADATA_TOKEN", "")
        )
        journal.telemetry = self.telemetry

    # --- init

    def use(self, live: LiveSandbox) -> None:
        """The sandbox runs; where there are external extensions it is held, and goes on when they have registered."""
        self._live = live
        if self._blueprint.extensions:
            self._background.spawn(self._start(live), f"extensions of {live.sandbox_id}")

    async def _start(self, live: LiveSandbox) -> None:
        for name in self._blueprint.extensions:
            try:
                extension = self.extensions.add_external(name)
            except NotRegistered as refused:
                self._fail(LAUNCH_ERROR, refused.message)
                return
            argv = (f"{_FOLDER}/{name}",)
            extension.process = await live.start_extension(name, argv, extension_variables(self._spec.env))
            self._background.spawn(self._watch(extension), f"watch extension {name}")
        await self._registered.wait()
        if not self._is_closed:
            await live.start_runtime()

    async def _watch(self, extension: Extension) -> None:
        if extension.process is None:
            return
        ended = await extension.process.wait()
        if self._is_closed:
            return
        if ended.exec_errno:
            extension.move(ExtensionTrigger.LAUNCH_ERROR)
            reason = os.strerror(ended.exec_errno).lower()
            self._fail(LAUNCH_ERROR, f"fork/exec {_FOLDER}/{extension.name}: {reason}")
            return
        extension.move(ExtensionTrigger.EXITED if ended == ProcessExit(0, None) else ExtensionTrigger.SHUTDOWN_FAILED)
        self._fail(CRASH, "exit code 0" if ended.code == 0 else exit_reason(ended))

    def _fail(self, error_type: str, message: str) -> None:
        self._owner.companion_failed(self, Fault(self.extensions.note_fatal(error_type), message))

    def extension_registered(self) -> None:
        if self.extensions.are_registered and len(self.extensions.external) == len(self._blueprint.extensions):
            self._registered.set()

    def extensions_settled(self) -> None:
        self._owner.companions_settled()

    @property
    def are_there(self) -> bool:
        """Whether any extension takes part."""
        return any(True for _ in self.extensions)

    def tell_extensions(self) -> None:
        """Init is over, well or not: log what became of each extension."""
        for extension in self.extensions:
            self._journal.extension_initialised(extension)

    def close_subscriptions(self) -> None:
        self.telemetry.close_subscription()
        if not self.telemetry.is_listening:
            self._journal.telemetry = None

    # --- telemetry

    def subscribe(self, name: str, subscription: Subscription) -> None:
        """See telemetry_api.subscribe.Subscribers."""
        if self.telemetry.subscribe(name, subscription):
            self._journal.subscribed(name, subscription.types, is_logs_api=subscription.is_logs_api)

    async def _connect(self, port: int) -> socket.socket:
        if self._live is None:
            raise ConnectionAbortedError("the sandbox is not there")
        return await self._live.connect(port)

    # --- the end

    async def shut_down(self, reason: str) -> None:
        """Lambda's shutdown phase: SIGTERM to the runtime, SHUTDOWN to the extensions, each within its time.

        Whatever still runs afterwards is killed with the sandbox.
        """
        self._is_closed = True
        self._registered.set()
        seconds = self.extensions.shutdown_seconds
        if self._live is None or not seconds:
            return
        external = [extension for extension in self.extensions.external if extension.process is not None]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                deadline_ms = int((self._clock.now() + seconds) * 1000)
                await self._live.end_runtime(seconds * _RUNTIME_SHARE if external else seconds)
                await self.telemetry.flush(_FLUSH_SECONDS)
                self.extensions.give_shutdown(shutdown_event(reason, deadline_ms))
                await asyncio.gather(*(self._await_end(extension) for extension in external))

    async def _await_end(self, extension: Extension) -> None:
        if extension.process is None:
            return
        if not extension.wants(SHUTDOWN):
            extension.process.signal(signal.SIGKILL)
        await extension.process.wait()

    def close(self) -> None:
        self._is_closed = True
        self._registered.set()
        self.telemetry.close()
        self._journal.telemetry = None
