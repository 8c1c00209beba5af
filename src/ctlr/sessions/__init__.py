"""The record of what happened: sessions, their nodes, their events."""
