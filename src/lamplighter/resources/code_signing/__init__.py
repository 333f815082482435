"""Code signing configurations: who may sign what is deployed."""
