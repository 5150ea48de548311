"""The notifier: tells those who asked, once, by mail."""
