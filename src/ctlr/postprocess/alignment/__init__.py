"""Whether the clocks of phone, watch and CAN bus agree, from what their sensors saw."""
