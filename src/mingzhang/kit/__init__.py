"""Money, clock, ids, errors, named SQL, database: what every slice stands on and what knows no slice."""
