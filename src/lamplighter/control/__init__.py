"""API operations and reconcilers, one module per resource family. Operations write desired state only."""
