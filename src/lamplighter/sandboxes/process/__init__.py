"""The last resort: bubblewrap where it works, else plain processes. It limits nothing and is labelled so."""
