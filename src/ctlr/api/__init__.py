"""The REST API: parse, call one method, answer."""
