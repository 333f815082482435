"""Build, deploy and invoke hello-go: python examples/hello-go/deploy.py [provided.al2023]."""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from deployment import deploy, invoke, lambda_client, package  # noqa: E402  # found by the line above

if __name__ == "__main__":
    runtime = sys.argv[1] if len(sys.argv) > 1 else "provided.al2023"
    subprocess.run([HERE / "build"], check=True)
    client = lambda_client()
    deploy(client, "hello-go", package([HERE / "bootstrap"]), Runtime=runtime, Handler="bootstrap")
    print(json.dumps(invoke(client, "hello-go", {"name": "lamplighter"})))
