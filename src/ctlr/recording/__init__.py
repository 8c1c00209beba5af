"""Start together, stop together, carry on after a crash."""
