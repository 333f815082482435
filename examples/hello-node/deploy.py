"""Deploy and invoke hello-node: python examples/hello-node/deploy.py [nodejs22.x]."""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from deployment import deploy, invoke, lambda_client, package  # noqa: E402  # found by the line above

if __name__ == "__main__":
    runtime = sys.argv[1] if len(sys.argv) > 1 else "nodejs22.x"
    client = lambda_client()
    deploy(client, "hello-node", package([HERE / "index.mjs"]), Runtime=runtime, Handler="index.handler")
    print(json.dumps(invoke(client, "hello-node", {"name": "lamplighter"})))
