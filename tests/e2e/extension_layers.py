"""Layers with extensions for the tests: one in bash that speaks HTTP by itself, and Python ones by what they do."""

import hashlib
import json
from pathlib import Path

from lamplighter.resources.functions.model import CodeReference, LayerReference
from tests.e2e.function_house import ACCOUNT, REGION, FunctionHouse

# Registers for both events, reports each on its standard output, takes its time over an invoke and ends when told to.
BASH = r"""#!/bin/bash
host=${AWS_LAMBDA_RUNTIME_API%:*} port=${AWS_LAMBDA_RUNTIME_API#*:}
call() { # method path headers body; the answer's head in $head, its body in $body
    exec 3<>"/dev/tcp/$host/$port"
    printf '%s /2020-01-01/extension/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s' \
        "$1" "$2" "$3" "${#4}" "$4" >&3
    head= body=
    while IFS= read -r line <&3 && [ "$line" != $'\r' ]; do head+=$line$'\n'; done
    IFS= read -r -d '' body <&3
    exec 3>&-
}
name=$(basename "$0")
call POST register "Lambda-Extension-Name: $name"$'\r\n' '{"events": ["INVOKE", "SHUTDOWN"]}'
id=$(grep -i '^lambda-extension-identifier:' <<<"$head" | tr -d '\r' | cut -d' ' -f2)
echo "registered: $body"
echo "handler is hidden: ${_HANDLER:-yes}, region is ${AWS_REGION}"
while :; do
    call GET event/next "Lambda-Extension-Identifier: $id"$'\r\n' ''
    echo "event: $body"
    case $body in *SHUTDOWN*) echo "bye"; exit 0;; esac
    sleep "${EXTENSION_SECONDS:-0}"
done
"""

PYTHON = r"""#!/usr/bin/python3
import http.client, json, os, signal, sys, time
name = os.path.basename(sys.argv[0])
api = os.environ["AWS_LAMBDA_RUNTIME_API"]
def call(method, path, headers, body=b"", base="/2020-01-01/extension/"):
    connection = http.client.HTTPConnection(api)
    connection.request(method, base + path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()
def register(events):
    status, headers, body = call("POST", "register", {"Lambda-Extension-Name": name}, json.dumps({"events": events}))
    return {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
"""

EXITS = PYTHON + "sys.exit(3)\n"
EXITS_AT_INVOKE = PYTHON + 'me = register(["INVOKE"])\ncall("GET", "event/next", me)\nsys.exit(4)\n'
INIT_ERROR = (
    PYTHON
    + """
me = register(["INVOKE"])
print("told", call("POST", "init/error", {**me, "Lambda-Extension-Function-Error-Type": "Extension.NoLicence"})[0])
sys.exit(5)
"""
)
NEVER_REGISTERS = PYTHON + "time.sleep(600)\n"
STUBBORN = (
    PYTHON
    + """
me = register(["INVOKE", "SHUTDOWN"])
while True:
    print("got", json.loads(call("GET", "event/next", me)[2])["eventType"], flush=True)
    if os.environ.get("HANG"):
        time.sleep(600)
"""
)

# Subscribes to telemetry and prints at the end what arrived: printing at once would be told to it again.
SUBSCRIBER = (
    PYTHON
    + r"""
import socket, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
kept = os.open("/tmp/telemetry", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
failures = int(os.environ.get("FAILURES", "0"))
class Listener(BaseHTTPRequestHandler):
    def do_POST(self):
        global failures
        batch = self.rfile.read(int(self.headers["Content-Length"]))
        failures -= 1
        status = 500 if failures >= 0 else 200
        if status == 200:
            for event in json.loads(batch):
                os.write(kept, json.dumps(event).encode() + b"\n")
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_PUT = do_POST
    def log_message(self, *_):
        pass
def listen_tcp():
    listener = socket.create_server(("0.0.0.0", 4243))
    while True:
        connection, _ = listener.accept()
        for line in connection.makefile("rb"):
            os.write(kept, line)
asked = json.loads(os.environ["SUBSCRIPTION"])
if asked["destination"]["protocol"] == "TCP":
    threading.Thread(target=listen_tcp, daemon=True).start()
    time.sleep(0.1)
else:
    server = HTTPServer((socket.gethostbyname("sandbox.localdomain"), 4242), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
me = register(["INVOKE", "SHUTDOWN"])
path = os.environ.get("API", "/2022-07-01/telemetry")
print("subscribed", call("PUT", path, {**me, "Content-Type": "application/json"}, json.dumps(asked), base="")[::2],
      flush=True)
while True:
    event = json.loads(call("GET", "event/next", me)[2])
    if event["eventType"] == "SHUTDOWN":
        time.sleep(0.2)
        sys.stdout.write("TELEMETRY " + open("/tmp/telemetry").read().replace("\n", "\nTELEMETRY "))
        sys.stdout.flush()
        sys.exit(0)
"""
)


def add_layer(house: FunctionHouse, **extensions: str) -> LayerReference:
    """A layer whose `extensions` folder holds these files."""
    digest = hashlib.sha256(json.dumps(extensions, sort_keys=True).encode()).hexdigest()
    package: Path = house.directory / f"layer-{digest}"
    folder = package / "extensions"
    folder.mkdir(parents=True, exist_ok=True)
    for place in (package, folder):
        place.chmod(0o755)
    for name, text in extensions.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return LayerReference(
        arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:extensions:1",
        code=CodeReference(digest=package.name, sha256=digest, size=1),
    )
