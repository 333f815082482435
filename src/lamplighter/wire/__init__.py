"""HTTP/1.1 over httptools and asyncio, shared by every listener and every outgoing client. Knows no AWS words."""
