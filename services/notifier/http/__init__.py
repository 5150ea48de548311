"""The notifier's routes, one file per resource."""
