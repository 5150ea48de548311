"""What the notifier does: one file per verb."""
