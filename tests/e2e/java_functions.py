"""Java functions for the tests: sources, and a compiler that runs on any Java of the machine, so no JDK is needed.

Must not know what is tested with them.
"""

import subprocess
from pathlib import Path

from lamplighter.sandboxes.runtimes import interpreters
from lamplighter.sandboxes.runtimes.java_client import CORE
from lamplighter.sandboxes.runtimes.maven import MavenArtifact, fetch_maven_artifact

# The Eclipse compiler: one jar; this is the last version that runs on Java 11 and later.
_COMPILER = MavenArtifact(
    "org.eclipse.jdt", "ecj", "3.33.0", "f7686c4960cf70c2ebc5c500a73a8cfc04541b730c18f1c5c21329889b137f45"
)

# A handler by AWS's interface. Library comes from a jar in the function's lib folder or in a layer's java/lib.
PROBE = """
package probe;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.LinkedHashMap;
import java.util.Map;

public class Probe implements RequestHandler<Map<String, Object>, Map<String, Object>> {
    static { System.out.println("at class load"); }

    public Map<String, Object> handleRequest(Map<String, Object> event, Context context) {
        context.getLogger().log("logged grüße ✓\\n");
        System.out.println("printed");
        if (event.containsKey("fail")) throw new IllegalStateException("asked to fail");
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("event", event);
        answer.put("id", context.getAwsRequestId());
        answer.put("memory", context.getMemoryLimitInMB());
        answer.put("is_in_time", context.getRemainingTimeInMillis() > 0);
        answer.put("specification", System.getProperty("java.specification.version"));
        answer.put("charset", java.nio.charset.Charset.defaultCharset().name());
        answer.put("heap", Runtime.getRuntime().maxMemory());
        answer.put("option", System.getProperty("probe.option"));
        answer.put("certificates", certificates());
        for (String name : new String[] {"Own", "Layered"}) answer.put(name, library(name));
        return answer;
    }

    private static Object library(String name) {
        try { return Class.forName("library." + name).getField("VALUE").get(null); }
        catch (ReflectiveOperationException absent) { return null; }
    }

    private static int certificates() {
        try {
            var factory = javax.net.ssl.TrustManagerFactory.getInstance("PKIX");
            factory.init((java.security.KeyStore) null);
            return ((javax.net.ssl.X509TrustManager) factory.getTrustManagers()[0]).getAcceptedIssuers().length;
        } catch (java.security.GeneralSecurityException broken) { return -1; }
    }
}
"""
# The other two documented forms: a stream handler, and a plain method of the function's own types.
STREAMS = """
package probe;

import com.amazonaws.services.lambda.runtime.*;
import java.io.*;

public class Streams implements RequestStreamHandler {
    public void handleRequest(InputStream input, OutputStream output, Context context) throws IOException {
        output.write("[".getBytes());
        input.transferTo(output);
        output.write("]".getBytes());
    }

    public int length(String text) { return text.length(); }
}
"""
LIBRARY = 'package library; public class {name} {{ public static final String VALUE = "{value}"; }}'


def compile_java(sources: dict[str, str], target: Path, cache: Path) -> None:
    """Class files of `sources` (by class name) below `target`, for Java 17 and later."""
    java = next(found for version in ("17", "21", "25") if (found := interpreters.find_java(version)))
    jars = [fetch_maven_artifact(artifact, cache) for artifact in (_COMPILER, CORE)]
    folder = target.with_name(target.name + "-sources")
    folder.mkdir()
    for name, text in sources.items():
        (folder / f"{name}.java").write_text(text)
    command = [str(java.executable), "-jar", str(jars[0]), "-17", "-encoding", "UTF-8", "-nowarn", "-cp", str(jars[1])]
    command += ["-d", str(target), *map(str, folder.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
