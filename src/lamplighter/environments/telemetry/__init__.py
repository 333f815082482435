"""Telemetry for extensions: what the platform, the function and extensions say, buffered and sent into the sandbox."""
