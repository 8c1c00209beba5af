"""The CAN bus beside the cameras."""
