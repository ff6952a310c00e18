"""The trust page (R45): what anybody may know of the shop, read from roll-ups and kept in memory for some seconds."""
