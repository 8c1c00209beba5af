"""Names and rows on both disks: one pair of functions that write and read each. Pure."""
