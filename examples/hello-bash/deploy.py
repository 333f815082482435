"""Deploy and invoke hello-bash: python examples/hello-bash/deploy.py [provided.al2023]."""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from deployment import deploy, invoke, lambda_client, package  # noqa: E402  # found by the line above

if __name__ == "__main__":
    runtime = sys.argv[1] if len(sys.argv) > 1 else "provided.al2023"
    client = lambda_client()
    deploy(client, "hello-bash", package([HERE / "bootstrap"]), Runtime=runtime, Handler="bootstrap")
    print(json.dumps(invoke(client, "hello-bash", {"name": "lamplighter"})))
