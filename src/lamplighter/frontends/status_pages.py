"""Unsigned pages for waiters and monitors: /health, /ready, /_localstack/health and /metrics.

Must not know operations; shows no names or secrets of users.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from lamplighter import __version__
from lamplighter.frontends.counters import ApiCounters
from lamplighter.wire.http_message import HttpResponse

_JSON = (("Content-Type", "application/json"),)
_PROMETHEUS = (("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),)


class StatusPages:
    """The pages by path. `is_ready` turns true when requests will be answered and false when the server drains.

    `figures` reads what other layers count, by metric name, labels included.
    """

    def __init__(
        self,
        counters: ApiCounters,
        gauges: dict[str, Callable[[], float]],
        services: tuple[str, ...],
        figures: Callable[[], dict[str, float]] = dict,
    ) -> None:
        self.is_ready = False
        self._counters = counters
        self._gauges = gauges
        self._services = services
        self._figures = figures
        self._pages: dict[str, Callable[[], HttpResponse]] = {
            "/health": self._health,
            "/ready": self._ready,
            "/_localstack/health": self._localstack_health,
            "/metrics": self._metrics,
        }

    def page(self, path: str) -> HttpResponse | None:
        """The page at `path`, or None."""
        show = self._pages.get(path)
        return show() if show is not None else None

    def _health(self) -> HttpResponse:
        return HttpResponse(200, _JSON, orjson.dumps({"status": "ok", "version": __version__}))

    def _ready(self) -> HttpResponse:
        status = "ready" if self.is_ready else "not ready"
        return HttpResponse(200 if self.is_ready else 503, _JSON, orjson.dumps({"status": status}))

    def _localstack_health(self) -> HttpResponse:
        state = "running" if self.is_ready else "starting"
        services = dict.fromkeys(self._services, state)
        return HttpResponse(200, _JSON, orjson.dumps({"services": services, "version": __version__}))

    def _metrics(self) -> HttpResponse:
        lines = ["# TYPE lamplighter_requests_total counter"]
        for (operation, status), count in sorted(self._counters.answers.items()):
            lines.append(f'lamplighter_requests_total{{operation="{operation}",status="{status}"}} {count}')
        lines += [
            "# TYPE lamplighter_server_errors_total counter",
            f"lamplighter_server_errors_total {self._counters.server_errors}",
        ]
        values = {name: read() for name, read in {**self._gauges, **_PROCESS}.items()} | self._figures()
        typed = ""
        for name, value in values.items():
            bare = name.partition("{")[0]
            if bare != typed:
                lines.append(f"# TYPE {bare} {'counter' if bare.endswith('_total') else 'gauge'}")
                typed = bare
            lines.append(f"{name} {value:.10g}")
        return HttpResponse(200, _PROMETHEUS, ("\n".join(lines) + "\n").encode())


def resident_bytes() -> float:
    """The memory this process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


def _open_files() -> float:
    return float(len(os.listdir("/proc/self/fd")))  # noqa: PTH208  # names only, no Path for each


_PROCESS: dict[str, Callable[[], float]] = {
    "process_resident_memory_bytes": resident_bytes,
    "process_cpu_seconds_total": time.process_time,
    "process_open_fds": _open_files,
}
