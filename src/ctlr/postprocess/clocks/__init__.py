"""Clocks against the controller's, and how far apart the cameras' frames are by them."""
