"""The pretend rig: real cameras with a test source, real transfer, folders in place of disks."""
