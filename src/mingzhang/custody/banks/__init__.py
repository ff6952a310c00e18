"""Banks: the protocol every bank adapter speaks, and the one that exchanges files over HTTPS."""
