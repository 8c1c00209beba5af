"""The disks beneath everything."""
