"""A ledger outside of every server: functions write to it over loopback and wait until their line is in it.

Only where functions may reach the host's network (driver `process`). Must not know what is written.
"""

import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

FUNCTION = """
import os, socket, time

def tell(line):
    with socket.create_connection(("127.0.0.1", int(os.environ["LEDGER_PORT"])), timeout=10) as connection:
        connection.sendall(line.encode() + b"\\n")
        connection.recv(1)

def handler(event, context):
    tell("start " + context.aws_request_id)
    time.sleep(event["seconds"])
    tell("end " + context.aws_request_id)
    if event.get("fails"):
        raise ValueError("as asked")
"""


class Ledger:
    """How often each request id was started and ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.starts: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.port = 0

    def write(self, line: str) -> None:
        word, _, request_id = line.strip().partition(" ")
        with self._lock:
            (self.starts if word == "start" else self.ends)[request_id] += 1

    def running(self) -> int:
        with self._lock:
            return (self.starts - self.ends).total()

    def missing(self, request_ids: set[str]) -> set[str]:
        with self._lock:
            return request_ids - self.ends.keys()

    def duplicates(self) -> int:
        with self._lock:
            return self.starts.total() - len(self.starts)


@contextmanager
def open_ledger() -> Iterator[Ledger]:
    ledger = Ledger()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            ledger.write(self.rfile.readline().decode())
            self.wfile.write(b".")

    class Listener(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 256

    with Listener(("127.0.0.1", 0), Handler) as listener:
        ledger.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield ledger
        finally:
            listener.shutdown()
            thread.join()
