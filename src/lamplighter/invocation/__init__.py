"""The one door: every way to run a function ends in `Invocation.invoke`."""
