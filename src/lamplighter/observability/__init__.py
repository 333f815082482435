"""What happened: function logs, and later metrics, traces and metering."""
