"""The execution environment's life: init, invoke, idle, shutdown; the Runtime API; the pools."""
