"""Post-processing as the controller sees it: which session is made when, by which child."""
