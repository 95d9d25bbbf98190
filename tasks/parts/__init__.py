"""What several tasks are built of: guides, networks, pixels."""
