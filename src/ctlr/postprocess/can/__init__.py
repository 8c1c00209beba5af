"""The CAN bus in a session: its rows out of the endless recording, and the signals in them."""
