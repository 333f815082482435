"""FileSystemConfigs take effect: access points are directories of this machine, which functions share and leave."""

import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lamplighter.sandboxes.runtimes.commands import ensure
from lamplighter.sandboxes.runtimes.directory import RuntimeDirectory
from tests.contract.live_server import LiveServer, start_server
from tests.e2e.function_house import RUNTIMES, is_root

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not is_root(), reason="needs root: namespaces with cgroup limits")]

ROLE = "arn:aws:iam::000000000000:role/r"
EFS = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0"
READ_ONLY = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef1"
MISSING = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef2"
S3_FILES = "arn:aws:s3files:us-east-1:000000000000:file-system/fs-0123456789abcdef0/access-point/fsap-{:017x}"
UNKNOWN = "arn:aws:elasticfilesystem:eu-west-1:000000000000:access-point/fsap-0123456789abcdef9"
OWNER = (4711, 4712)
CODE = """
import os

def handler(event, context):
    told = {}
    try:
        if "write" in event:
            with open(event["write"], "a") as file:
                file.write(event["text"])
        if "read" in event:
            told["text"] = open(event["read"]).read()
            found = os.stat(event["read"])
            told["owner"] = [found.st_uid, found.st_gid]
    except OSError as error:
        told["errno"] = error.errno
    told["mounts"] = [line.split()[3] for line in open("/proc/self/mounts") if line.split()[1].startswith("/mnt/")]
    return told
"""


def package() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", CODE)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the access points stand for."""
    place = tmp_path_factory.mktemp("shared")
    for name in ("efs", "fixed", f"s3/fsap-{1:017x}", f"s3/fsap-{2:017x}"):
        (place / name).mkdir(parents=True)
    os.chown(place / "efs", *OWNER)
    for number in (1, 2):
        os.chown(place / f"s3/fsap-{number:017x}", 993, 990)
    (place / "fixed/note").write_text("fixed")
    return place


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[LiveServer]:
    ensure(RuntimeDirectory(RUNTIMES), ["python3.11"])
    data_dir = tmp_path_factory.mktemp("file-systems") / "data"
    data_dir.mkdir()
    (data_dir / "runtimes").symlink_to(RUNTIMES)
    table = (
        f"{EFS}={shared}/efs; {READ_ONLY}={shared}/fixed,ro; {MISSING}={shared}/none;"
        f"arn:aws:s3files:us-east-1:*={shared}/s3/{{access_point}}"
    )
    server = start_server("dev", data_dir, environment={"LAMPLIGHTER_FILE_SYSTEMS": table})
    yield server
    server.stop()


def create(server: LiveServer, name: str, arn: str, path: str) -> None:
    client = server.client()
    client.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": package()},
        Timeout=30,
        FileSystemConfigs=[{"Arn": arn, "LocalMountPath": path}],
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0, "MaxAttempts": 10_000})


def invoke(server: LiveServer, name: str, **event: Any) -> dict[str, Any]:
    answer = server.client().invoke(FunctionName=name, Payload=json.dumps(event))
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    return told


def test_what_one_function_writes_another_reads_and_changes(server: LiveServer, shared: Path) -> None:
    create(server, "writer", EFS, "/mnt/data")
    create(server, "reader", EFS, "/mnt/elsewhere")

    assert "errno" not in invoke(server, "writer", write="/mnt/data/letter", text="dear ")
    told = invoke(server, "reader", write="/mnt/elsewhere/letter", text="reader", read="/mnt/elsewhere/letter")

    assert told["text"] == "dear reader"
    assert told["owner"] == [993, 990]
    found = (shared / "efs/letter").stat()
    assert (found.st_uid, found.st_gid) == OWNER
    options = told["mounts"][0].split(",")
    assert {"rw", "nosuid", "nodev"} <= set(options)


def test_files_outlive_the_environments(server: LiveServer) -> None:
    create(server, "keeper", EFS, "/mnt/kept")
    invoke(server, "keeper", write="/mnt/kept/memory", text="still here")
    server.client().update_function_configuration(FunctionName="keeper", Timeout=31)
    server.client().get_waiter("function_updated_v2").wait(
        FunctionName="keeper", WaiterConfig={"Delay": 0, "MaxAttempts": 10_000}
    )

    assert invoke(server, "keeper", read="/mnt/kept/memory")["text"] == "still here"


def test_a_read_only_access_point_cannot_be_written(server: LiveServer, shared: Path) -> None:
    create(server, "visitor", READ_ONLY, "/mnt/fixed")

    told = invoke(server, "visitor", read="/mnt/fixed/note")
    assert told["text"] == "fixed"
    assert invoke(server, "visitor", write="/mnt/fixed/new", text="x")["errno"] == 30  # EROFS
    assert sorted(path.name for path in (shared / "fixed").iterdir()) == ["note"]


def test_access_points_of_s3_files_each_have_their_own_directory(server: LiveServer, shared: Path) -> None:
    for number in (1, 2):
        create(server, f"s3-{number}", S3_FILES.format(number), "/mnt/bucket")
        invoke(server, f"s3-{number}", write="/mnt/bucket/number", text=str(number))

    assert (shared / f"s3/fsap-{1:017x}/number").read_text() == "1"
    assert (shared / f"s3/fsap-{2:017x}/number").read_text() == "2"


@pytest.mark.parametrize(
    ("name", "arn", "code", "status"),
    [
        ("unknown", UNKNOWN, "EFSMountFailureException", 403),
        ("gone", MISSING, "EFSMountFailureException", 403),
        ("gone-s3", S3_FILES.format(9), "S3FilesMountFailureException", 403),
    ],
)
def test_a_file_system_that_cannot_be_mounted_is_told_at_invoke(
    server: LiveServer, name: str, arn: str, code: str, status: int
) -> None:
    create(server, name, arn, "/mnt/data")

    with pytest.raises(ClientError) as refused:
        server.client().invoke(FunctionName=name)

    answer = refused.value.response
    assert answer["Error"]["Code"] == code
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert arn in answer["Error"]["Message"]


def test_a_mount_path_that_leads_out_of_mnt_is_not_followed(server: LiveServer) -> None:
    create(server, "climber", EFS, "/mnt/..")

    with pytest.raises(ClientError, match="EFSMountFailureException"):
        server.client().invoke(FunctionName="climber")
