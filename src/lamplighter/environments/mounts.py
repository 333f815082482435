"""The file systems of a function version: its FileSystemConfigs as mounts, and AWS's errors where there are none.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-filesystem.html. Must not know which directories stand for
access points.
"""

import logging

from lamplighter.aws.errors import (
    AwsError,
    EFSIOException,
    EFSMountConnectivityException,
    EFSMountFailureException,
    EFSMountTimeoutException,
    S3FilesMountConnectivityException,
    S3FilesMountFailureException,
    S3FilesMountTimeoutException,
)
from lamplighter.resources.functions.model import FunctionConfiguration
from lamplighter.sandboxes.file_systems import FileSystemFailed, FileSystems, Trouble
from lamplighter.sandboxes.sandbox import Bind

_log = logging.getLogger(__name__)

_MESSAGES = {
    Trouble.CONFIGURATION: (
        "The function couldn't mount the {kind} file system with access point {arn}. "
        "Check the file system configuration and try again."
    ),
    Trouble.CONNECTIVITY: (
        "The function couldn't connect to the {kind} file system with access point {arn}. "
        "Check your network configuration and try again."
    ),
    Trouble.TIMEOUT: (
        "The function couldn't mount the {kind} file system with access point {arn} due to mount time out."
    ),
    Trouble.IO: "The function couldn't read from or write to the {kind} file system with access point {arn}.",
}
_EFS: dict[Trouble, type[AwsError]] = {
    Trouble.CONFIGURATION: EFSMountFailureException,
    Trouble.CONNECTIVITY: EFSMountConnectivityException,
    Trouble.TIMEOUT: EFSMountTimeoutException,
    Trouble.IO: EFSIOException,
}
# AWS's model has no fourth for S3 Files.
_S3_FILES: dict[Trouble, type[AwsError]] = {
    Trouble.CONFIGURATION: S3FilesMountFailureException,
    Trouble.CONNECTIVITY: S3FilesMountConnectivityException,
    Trouble.TIMEOUT: S3FilesMountTimeoutException,
    Trouble.IO: S3FilesMountFailureException,
}


async def file_system_binds(configuration: FunctionConfiguration, file_systems: FileSystems) -> tuple[Bind, ...]:
    """A mount for each FileSystemConfig. Raises AWS's error for the first that cannot be had."""
    try:
        return tuple(
            [
                await file_systems.bind(wanted["Arn"], wanted["LocalMountPath"])
                for wanted in configuration.settings.get("FileSystemConfigs") or ()
            ]
        )
    except FileSystemFailed as failed:
        _log.warning("no file system for %s: %s", configuration.qualified_arn, failed)
        raise mount_error(failed.arn, failed.trouble) from failed


def mount_error(arn: str, trouble: Trouble) -> AwsError:
    """What AWS answers an invoke whose function's file system cannot be mounted."""
    is_s3 = arn.split(":")[2:3] == ["s3files"]
    kind = _S3_FILES if is_s3 else _EFS
    message = _MESSAGES[trouble].format(kind="S3 Files" if is_s3 else "EFS", arn=arn)
    return kind[trouble](message)
