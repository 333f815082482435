"""Outgoing calls to AWS services, or to whatever stands in for them: endpoints, signing, retries, operations."""
