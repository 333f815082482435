"""Resource policies of functions and layer versions."""
