"""福禄 (fulu): the supplier's gateway, callbacks, goods and its own books."""
