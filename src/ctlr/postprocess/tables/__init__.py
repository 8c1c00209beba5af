"""Tables that phone and watch send: read fast, whatever their dialect, and described."""
