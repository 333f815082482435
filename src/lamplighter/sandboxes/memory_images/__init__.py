"""Memory images of initialised processes: taken once, revived in as many sandboxes as are wanted."""
