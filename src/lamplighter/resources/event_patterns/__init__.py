"""Event patterns, as EventBridge defined them and Lambda's filters use them."""
