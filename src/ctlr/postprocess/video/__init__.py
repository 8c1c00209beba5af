"""Arrived segments to a timeline, and the timeline to one file for each camera."""
