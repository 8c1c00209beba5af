"""What should be on the logging disk, and what is."""
