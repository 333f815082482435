"""AWS's runtime interface client for Java, unmodified, at /var/runtime/lib: its jars and its native part.

The client itself puts /var/task, /var/task/lib/*.jar and /opt/java/lib/*.jar on the class path. Must not know
where the Java virtual machine comes from.
"""

import platform
import shutil
import zipfile
from pathlib import Path

from lamplighter.sandboxes.runtimes.identifiers import Identifier
from lamplighter.sandboxes.runtimes.importer import ImportFailed
from lamplighter.sandboxes.runtimes.maven import MavenArtifact, fetch_maven_artifact
from lamplighter.sandboxes.runtimes.progress import Progress, Step

CORE = MavenArtifact(
    "com.amazonaws",
    "aws-lambda-java-core",
    "1.4.0",
    "575c24393cc1ad645e83e618956eabd89ffe8cc09efae2cb62bc6589154d68ed",
)
_CLIENT = MavenArtifact(
    "com.amazonaws",
    "aws-lambda-java-runtime-interface-client",
    "2.9.0",
    "26568a5f63bf9e921567e77661be425650abc8972bae2aa0b7e99bab4e4239d9",
)
_SERIALIZATION = MavenArtifact(
    "com.amazonaws",
    "aws-lambda-java-serialization",
    "1.2.0",
    "1513c1f945a3213f916a4b2de1760c97b51d84d110f82bbbcf9cfac53d5651e7",
)
# What the client itself depends on: the trace id for a thread of the AWS SDK.
_TRACE_IDS = MavenArtifact(
    "software.amazon.awssdk",
    "utils-lite",
    "2.34.0",
    "efaf784f07ae526f0b5c89d71ef21cf16636131c47d44616e3df9bedc3f4f89a",
)
_ARTIFACTS = (CORE, _CLIENT, _SERIALIZATION, _TRACE_IDS)
CLIENT = f"{_CLIENT.name} {_CLIENT.version}"

_LIBRARIES = "/var/runtime/lib"
_ENTRY = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
_NATIVE_PROPERTY = "com.amazonaws.services.lambda.runtime.api.client.runtimeapi.NativeClient.JNI"
# From 24 on the virtual machine warns of what AWS's client does unless it is told that it may.
_WARNS_SINCE = 24


def install_java_client(root: Path, cache: Path, identifier: Identifier, progress: Progress) -> None:
    progress(Step(identifier.name, f"installing {CLIENT}", 0.5))
    target = root / _LIBRARIES.lstrip("/")
    target.mkdir(parents=True, exist_ok=True)
    for artifact in _ARTIFACTS:
        shutil.copyfile(fetch_maven_artifact(artifact, cache), target / artifact.file_name)
    native = _native_name()
    with zipfile.ZipFile(target / _CLIENT.file_name) as jar:
        (target / "jni").mkdir()
        (target / "jni" / native).write_bytes(jar.read(f"jni/{native}"))


def java_argv(identifier: Identifier) -> tuple[str, ...]:
    """The command with which Lambda starts Java 17 and newer (seen there in October 2023).

    Two things are ours. The default class data archive is used where there is one, not required; and the character set
    is named, because our root filesystems have no en_US.UTF-8 locale that Java would take it from.
    """
    class_path = ":".join(f"{_LIBRARIES}/{artifact.file_name}" for artifact in _ARTIFACTS)
    quiet = ("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")
    return (
        "/var/lang/bin/java",
        "-XX:MaxHeapSize={heap}k",
        "-XX:+UseSerialGC",
        "-Xshare:auto",
        "-XX:+TieredCompilation",
        "-XX:TieredStopAtLevel=1",
        "--add-opens=java.base/java.io=ALL-UNNAMED",
        *(quiet if int(identifier.version) >= _WARNS_SINCE else ()),
        "-Dorg.crac.Core.Compat=com.amazonaws.services.lambda.crac",
        "-Djava.net.preferIPv4Stack=true",
        "-XX:+ErrorFileToStderr",
        "-Dfile.encoding=UTF-8",
        f"-D{_NATIVE_PROPERTY}={_LIBRARIES}/jni/{_native_name()}",
        "-classpath",
        class_path,
        _ENTRY,
        "{handler}",
    )


def _native_name() -> str:
    """The library for this machine among those in the client's jar."""
    known = {"x86_64": "x86_64", "aarch64": "aarch_64"}
    machine = platform.machine()
    if machine not in known:
        raise ImportFailed(f"AWS's Java client has no native part for {machine}")
    return f"libaws-lambda-jni.linux-{known[machine]}.so"
