"""Capacity providers: the instances that managed functions are to run on, and how functions scale on them."""
