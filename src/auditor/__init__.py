"""The outside auditor: holds the outside parties' own books against the ledger's rows, by place and party.

It knows the table ``leg`` and the simulators' /books document, and shares no code with either side: a mistake
in the product's own arithmetic is not repeated here.
"""
