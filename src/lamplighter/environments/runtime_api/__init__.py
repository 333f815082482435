"""The Runtime API, one file per endpoint. A caller is known by the listener it came through, never by a header."""
