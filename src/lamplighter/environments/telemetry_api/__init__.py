"""The Telemetry API (2022-07-01) and the older Logs API (2020-08-15): extensions subscribe to what happens."""
