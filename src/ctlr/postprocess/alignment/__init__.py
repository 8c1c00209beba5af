"""Whether the clocks of phone, watch and CAN bus agree, told from what their sensors saw."""
