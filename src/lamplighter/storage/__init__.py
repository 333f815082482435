"""Durable state: transactions over named tables, queues, timers, blobs, unpacked packages. Knows no AWS words."""
