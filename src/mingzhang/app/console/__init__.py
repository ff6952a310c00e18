"""The operator console's reading side: counters, lists, search and figures over the rows that the worker works on."""
