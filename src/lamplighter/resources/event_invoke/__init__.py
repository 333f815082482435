"""How asynchronous invokes of a function are retried, and where their results go."""
