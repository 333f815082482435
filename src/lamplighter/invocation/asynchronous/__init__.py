"""Asynchronous invocation: accept durably, dispatch fairly, retry as AWS does, deliver the outcome."""
