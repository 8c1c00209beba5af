"""Structured records out of the program: journal, MQTT, health. Nobody here reads them back."""
