"""The vocabulary: service models, shapes, codecs, operations and errors, derived from AWS's own models. Pure."""
