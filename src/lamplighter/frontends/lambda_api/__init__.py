"""The Lambda API's listener: from a signed HTTP request to an operation and back."""
