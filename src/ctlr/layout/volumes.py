"""The two volumes of the drive, by the names that every message, file and verb has for them. Pure."""

VOLUMES = ("logging", "sync")
