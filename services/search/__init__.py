"""Search: an index of the public record, its page and its API."""
