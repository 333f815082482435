"""Tags of every taggable resource."""
