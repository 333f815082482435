"""Lambda's quotas, as one frozen record that `app` builds and everyone receives.

Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (units in the names). Must not know
who enforces them.
"""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What AWS allows by default; a self-hoster may raise a figure, never silently."""

    zipped_code_bytes: int = 50 * MIB
    unzipped_code_bytes: int = 262_144_000
    total_code_bytes: int = 80_530_636_800
    create_request_bytes: int = 70_167_211
    environment_bytes: int = 4096
    layers_per_function: int = 5
    sync_payload_bytes: int = 6_291_556
    async_payload_bytes: int = 1_048_576
    response_payload_bytes: int = 6_291_556
    streamed_response_bytes: int = 200 * MIB
    concurrent_executions: int = 1000
    unreserved_concurrency_minimum: int = 100
    # One environment serves so many synchronous invokes a second at most, however quick they are.
    requests_per_environment: int = 10
    scaling_environments: int = 1000
    scaling_seconds: float = 10.0
    # AWS publishes no figure for callers: None sets no pace.
    calls_per_second: int | None = None
    init_timeout_seconds: float = 10.0
    prepared_init_seconds: float = 130.0  # of provisioned concurrency and SnapStart, or the function's timeout
    restore_timeout_seconds: float = 10.0
    timeout_seconds: int = 900
    memory_mib_minimum: int = 128
    memory_mib_maximum: int = 10_240
    ephemeral_mib_minimum: int = 512
    ephemeral_mib_maximum: int = 10_240
    open_files: int = 1024
    processes: int = 1024
    log_tail_bytes: int = 4096
    tags_per_resource: int = 50
    mib_per_core: int = 1769
