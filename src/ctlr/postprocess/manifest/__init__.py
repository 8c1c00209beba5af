"""What a session folder says about itself, and the small things that every room of a run shares."""
