"""The edge: wiring, HTTP, workers, command line, embedded database."""
