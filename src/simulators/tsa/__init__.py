"""A timestamp authority (RFC 3161), simulated: its own root, its own key, its own clock."""
