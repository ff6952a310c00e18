"""Where a buyer turns (求助): whose turn it is by where the money is, what applies, letters. No database (R31–R38)."""
