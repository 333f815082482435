"""Functions that stream their responses: Node.js through AWS's client, a custom runtime by chunked HTTP."""

NODE = """
export const handler = awslambda.streamifyResponse(async (event, stream, context) => {
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  stream.setContentType(event.type ?? "text/plain");
  if (event.early) throw new RangeError("before the first byte");
  stream.write("first;");
  if (event.forever) { await pause(60_000); }
  if (event.megabytes) {
    const piece = Buffer.alloc(1024 * 1024, "x");
    for (let count = 0; count < event.megabytes; count += 1) {
      if (!stream.write(piece)) await new Promise((resolve) => stream.once("drain", resolve));
    }
  }
  if (event.pause) await pause(event.pause);
  stream.write(String(Date.now() / 1000) + ";");
  if (event.fail) throw new TypeError("in the middle");
  if (event.crash) process.exit(7);
  console.log("finished", event.name ?? "");
  stream.end("last");
});
"""

# The protocol of https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html, by hand.
CUSTOM = """#!/usr/bin/python3
import base64, http.client, json, os, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    event = api.getresponse()
    asked = json.loads(event.read())
    path = "/2018-06-01/runtime/invocation/" + event.headers["Lambda-Runtime-Aws-Request-Id"] + "/response"
    api.putrequest("POST", path)
    api.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
    api.putheader("Transfer-Encoding", "chunked")
    api.putheader("Content-Type", "application/x-parts")
    api.putheader("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body")
    api.endheaders()
    for number in range(asked["parts"]):
        part = f"<{number} {time.time()}>".encode()
        api.send(b"%x\\r\\n%b\\r\\n" % (len(part), part))
        time.sleep(asked.get("pause", 0))
    if asked.get("hang_up"):
        api.close()
        continue
    api.send(b"0\\r\\n")
    if asked.get("fail"):
        body = base64.b64encode(json.dumps({"errorType": "Odd", "errorMessage": "out of parts"}).encode())
        api.send(b"Lambda-Runtime-Function-Error-Type: Runtime.Odd\\r\\n")
        api.send(b"Lambda-Runtime-Function-Error-Body: " + body + b"\\r\\n")
    api.send(b"\\r\\n")
    answer = api.getresponse()
    print("answered", answer.status, answer.read().decode().strip(), flush=True)
"""

BUFFERED = """
def handler(event, context):
    if event.get("fail"):
        raise KeyError("missing")
    return "x" * event["size"]
"""
