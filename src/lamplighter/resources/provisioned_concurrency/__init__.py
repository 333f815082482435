"""Provisioned concurrency: how many environments a version or alias wants initialised before anyone asks."""
