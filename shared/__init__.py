"""Contract and plumbing that three or more services need; never a business rule."""
