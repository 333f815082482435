"""The configuration of one server: a frozen record made from defaults, a TOML file, the environment and flags.

Later sources win. An unknown setting is refused with a sentence, so that a misspelt one is never silently ignored.
Must not know what the settings are used for; only `app` reads it.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from lamplighter.aws_client.endpoints import Endpoint, Endpoints
from lamplighter.sandboxes.file_systems import FileSystemTable, read_file_systems
from lamplighter.sandboxes.network_plan import MODES as EGRESS_MODES
from lamplighter.sandboxes.network_plan import EgressPolicy, Opening, read_openings, read_resolver

PREFIX = "LAMPLIGHTER_"
_ENDPOINT_VARIABLE = re.compile(r"endpoints_(?P<service>[a-z0-9]+)_(?P<member>[a-z_]+)")
MODES = ("up", "dev")
DEFAULT_PORT = 4566
DEFAULT_ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"
_ENVIRONMENT_ONLY = frozenset({"CONFIG"})


class ConfigurationRefused(Exception):
    """A setting cannot be used; the message says which, where it came from and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Every setting, one field each. Flags, TOML keys and LAMPLIGHTER_* variables carry the same names.

    `driver` None lets the machine decide; `insecure_listen` allows plain HTTP beyond loopback;
    `max_environments` bounds the execution environments of all functions together: further invokes wait for a free one;
    `freeze_after_seconds` is how long an environment may be idle before it is frozen until its next invoke (0: never);
    `idle_environment_seconds` is how long an idle environment is kept before its function's own habits are known;
    `memory_share` is how much of the machine's memory may be in use when another environment starts, `max_memory_mib`
    what all environments may be promised together (None: no bound).
    `concurrent_executions` is each account's limit in each region, `requests_per_environment` how many synchronous
    invokes a second each of them stands for; a function grows by `scaling_environments` in `scaling_seconds` at most;
    `calls_per_second` bounds an account's calls of Invoke, None does not.
    `install_runtimes` lets a function's first use install a runtime from this machine's own interpreters;
    `zygotes` lets Python functions start from the memory of an interpreter that is already up, one for each account.
    `async_concurrency` bounds the events that run at once, `async_queue_limit` those that wait; `async_time_scale`
    below 1 shortens the minutes between retries, for tests. `endpoints` says where other AWS services are reached, by
    service: [endpoints.sqs] with url, and region, access_key_id, secret_access_key, session_token where needed.
    `file_systems` says which directory stands for which EFS or S3 Files access point.
    `egress` is what functions may reach: nothing (off), the internet (nat), or only what `egress_allow` lists (allow);
    `egress_resolver` resolves their names; `egress_api` lets them call this server's Lambda API.
    `function_url_domain` is what function URLs end with; unset, they lead back to the endpoint that was asked.
    """

    mode: str = "up"
    data_dir: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    account_id: str = DEFAULT_ACCOUNT
    region: str = DEFAULT_REGION
    driver: str | None = None
    insecure_listen: bool = False
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    drain_seconds: float = 30.0
    idle_environment_seconds: float = 600.0
    freeze_after_seconds: float = 0.05
    max_environments: int = 1000
    max_memory_mib: int | None = None
    memory_share: float = 0.9
    concurrent_executions: int = 1000
    requests_per_environment: int = 10
    scaling_environments: int = 1000
    scaling_seconds: float = 10.0
    calls_per_second: int | None = None
    install_runtimes: bool = True
    zygotes: bool = True
    async_concurrency: int = 128
    async_queue_limit: int = 1_000_000
    async_time_scale: float = 1.0
    function_url_domain: str | None = None
    endpoints: Endpoints = field(default_factory=dict, repr=False)
    file_systems: FileSystemTable = field(default_factory=dict)
    egress: str = "off"
    egress_allow: tuple[Opening, ...] = ()
    egress_resolver: str | None = None
    egress_api: bool = False
    log_level: str = "warning"

    @property
    def is_open(self) -> bool:
        """Whether any credentials will do."""
        return self.mode == "dev"

    @property
    def egress_policy(self) -> EgressPolicy:
        return EgressPolicy(
            mode=self.egress, openings=self.egress_allow, resolver=self.egress_resolver, has_api=self.egress_api
        )

    @property
    def credentials_file(self) -> Path:
        return self.data_dir / "credentials"

    @property
    def runtimes_dir(self) -> Path:
        return self.data_dir / "runtimes"

    @property
    def logs_dir(self) -> Path:
        return self.data_dir / "logs"

    @property
    def endpoint_file(self) -> Path:
        return self.data_dir / "endpoint.json"


def default_data_dir(environment: Mapping[str, str], *, is_root: bool) -> Path:
    """LAMPLIGHTER_DATA_DIR, else /var/lib/lamplighter for root, else the XDG data folder of the user."""
    chosen = environment.get(f"{PREFIX}DATA_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if is_root:
        return Path("/var/lib/lamplighter")
    shared = environment.get("XDG_DATA_HOME") or str(Path(environment.get("HOME", "~")).expanduser() / ".local/share")
    return Path(shared) / "lamplighter"


def read_configuration(
    flags: Mapping[str, Any], environment: Mapping[str, str], *, is_root: bool | None = None
) -> Configuration:
    """The configuration from all sources. `flags` that are None were not given. Raises ConfigurationRefused."""
    is_root = os.geteuid() == 0 if is_root is None else is_root
    given = {name: value for name, value in flags.items() if value is not None}
    from_environment = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in _ENVIRONMENT_ONLY
    }
    _nest_endpoints(from_environment)
    file = given.pop("config", None) or environment.get(f"{PREFIX}CONFIG")
    settings: dict[str, Any] = {"data_dir": default_data_dir(environment, is_root=is_root)}
    if file:
        settings.update(_checked(_read_toml(Path(file)), f"in {file}"))
    settings.update(_checked(from_environment, "in the environment"))
    settings.update(_checked(given, "on the command line"))
    configuration = Configuration(**settings)
    _check_together(configuration)
    return configuration


def _nest_endpoints(settings: dict[str, Any]) -> None:
    """LAMPLIGHTER_ENDPOINTS_SQS_URL and its sisters as the table that a file would hold."""
    endpoints: dict[str, dict[str, str]] = {}
    for name in tuple(settings):
        match = _ENDPOINT_VARIABLE.fullmatch(name)
        if match:
            endpoints.setdefault(match["service"], {})[match["member"]] = settings.pop(name)
    if endpoints:
        settings["endpoints"] = endpoints


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigurationRefused(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationRefused(f"{path} is not TOML: {error}") from error


def _checked(settings: Mapping[str, Any], place: str) -> dict[str, Any]:
    checked = {}
    for name, value in settings.items():
        read = _READERS.get(name)
        if read is None:
            raise ConfigurationRefused(f"unknown setting {name!r} {place}: known are {', '.join(sorted(_READERS))}")
        try:
            checked[name] = read(value)
        except (ValueError, TypeError) as error:
            raise ConfigurationRefused(f"setting {name!r} {place} cannot be {value!r}: {error}") from error
    return checked


def _check_together(configuration: Configuration) -> None:
    """What no single setting can tell: loopback, TLS and the open mode."""
    if (configuration.tls_certificate is None) != (configuration.tls_key is None):
        raise ConfigurationRefused("tls_certificate and tls_key belong together: give both or neither")
    if (configuration.egress == "allow") > bool(configuration.egress_allow):
        raise ConfigurationRefused("egress allow needs a list: say in egress_allow what functions may reach")
    if configuration.egress == "off" and configuration.egress_allow:
        raise ConfigurationRefused("egress_allow has no effect while egress is off: set egress to allow or nat")
    if is_loopback(configuration.host):
        return
    if configuration.is_open:
        raise ConfigurationRefused(
            f"`dev` accepts any credentials and so listens on loopback only, not on {configuration.host}: "
            "use `lamplighter up`"
        )
    if configuration.tls_certificate is None and not configuration.insecure_listen:
        raise ConfigurationRefused(
            f"listening on {configuration.host} needs TLS: give tls_certificate and tls_key, "
            "or allow plain HTTP with --insecure-listen"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


# --- one reader for each setting: text (environment) or TOML value -> value


def _one_of(*allowed: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"allowed are {', '.join(allowed)}")
        return str(value)

    return read


def _matching(pattern: str, meaning: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(meaning)
        return value

    return read


def _port(value: Any) -> int:
    number = int(value)
    if isinstance(value, bool) or not 0 <= number <= 65_535:  # noqa: PLR2004  # the last port
        raise ValueError("a port is a number from 0 (any free one) to 65535")
    return number


def _seconds(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not 0 <= number <= 86_400:  # noqa: PLR2004  # a day
        raise ValueError("a time is a number of seconds from 0 to 86400")
    return number


def _duration(value: Any) -> float:
    number = _seconds(value)
    if not number:
        raise ValueError("a time is a number of seconds above 0")
    return number


def _count(value: Any) -> int:
    number = int(value)
    if isinstance(value, bool) or number < 1:
        raise ValueError("a count is a whole number from 1")
    return number


def _part(meaning: str) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        number = float(value)
        if isinstance(value, bool) or not 0 < number <= 1:
            raise ValueError(f"{meaning} is a number above 0, at most 1")
        return number

    return read


def _endpoints(value: Any) -> Endpoints:
    if not isinstance(value, dict) or not all(isinstance(members, dict) for members in value.values()):
        raise TypeError("endpoints are tables: [endpoints.sqs] with a url")
    return {service: _endpoint(service, members) for service, members in value.items()}


def _endpoint(service: str, members: dict[str, Any]) -> Endpoint:
    known = {member.name for member in fields(Endpoint)}
    unknown = sorted(set(members) - known)
    if unknown:
        raise ValueError(f"{service} has {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    if not str(members.get("url", "")).startswith(("http://", "https://")):
        raise ValueError(f"{service} needs a url that begins with http:// or https://")
    if ("access_key_id" in members) != ("secret_access_key" in members):
        raise ValueError(f"{service} needs access_key_id and secret_access_key together")
    return Endpoint(**{name: str(member) for name, member in members.items()})


def _flag(value: Any) -> bool:
    spoken = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() not in spoken:
        raise ValueError("say true or false")
    return spoken[str(value).lower()]


def _path(value: Any) -> Path:
    if not value or not isinstance(value, str | Path):
        raise ValueError("a path is needed")
    return Path(value).expanduser().absolute()


_READERS: dict[str, Callable[[Any], Any]] = {
    "mode": _one_of(*MODES),
    "data_dir": _path,
    "host": _matching(r"[0-9A-Za-z.:_-]+", "a host is a name or an address"),
    "port": _port,
    "account_id": _matching(r"[0-9]{12}", "an account id has twelve digits"),
    "region": _matching(r"[a-z]{2}(-[a-z]+){1,3}-[0-9]{1,2}", "a region looks like eu-west-1"),
    "driver": _matching(r"[a-z]+", "a driver is named namespaces or process"),
    "insecure_listen": _flag,
    "tls_certificate": _path,
    "tls_key": _path,
    "drain_seconds": _seconds,
    "idle_environment_seconds": _seconds,
    "freeze_after_seconds": _seconds,
    "max_environments": _count,
    "max_memory_mib": _count,
    "memory_share": _part("a share"),
    "concurrent_executions": _count,
    "requests_per_environment": _count,
    "scaling_environments": _count,
    "scaling_seconds": _duration,
    "calls_per_second": _count,
    "install_runtimes": _flag,
    "zygotes": _flag,
    "async_concurrency": _count,
    "async_queue_limit": _count,
    "async_time_scale": _part("a time scale"),
    "function_url_domain": _matching(r"[0-9A-Za-z.-]+(:[0-9]{1,5})?", "a domain is a name, with a port if need be"),
    "endpoints": _endpoints,
    "file_systems": read_file_systems,
    "egress": _one_of(*EGRESS_MODES),
    "egress_allow": read_openings,
    "egress_resolver": read_resolver,
    "egress_api": _flag,
    "log_level": _one_of("debug", "info", "warning", "error"),
}

if frozenset(_READERS) != {setting.name for setting in fields(Configuration)}:
    raise AssertionError("every setting needs a reader")
