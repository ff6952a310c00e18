"""DT One DVS as seen from outside: REST over HTTP Basic, two-step transactions, unsigned callbacks."""
