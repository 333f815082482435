"""The Extensions API (2020-01-01), one file per endpoint. Refusals are those of AWS's runtime interface emulator."""
