"""One folder per resource: `model` and `rules` are pure, `table` is the stored form."""
