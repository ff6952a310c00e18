"""The simulated custody bank: files over HTTP, own books."""
