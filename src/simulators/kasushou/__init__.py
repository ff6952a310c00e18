"""卡速售 2.0 (kasushou): one site's API, callbacks, goods and its own books."""
