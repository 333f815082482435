"""Importer `debian`: root filesystems made from Debian packages, without Docker and without privileges."""
