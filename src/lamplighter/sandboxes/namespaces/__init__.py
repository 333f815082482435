"""The isolation driver built on Linux namespaces: a C launcher, a spawner that holds the privileges, and its client."""
