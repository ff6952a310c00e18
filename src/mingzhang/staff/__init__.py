"""Staff (员工): accounts made on the command line, what each role may do, and the record of what was done.

`accounts` makes and ends accounts, `doors` signs people in and out, `rights` is the table of roles and rights,
`record` the append-only log of every action and every view of personal data, `approvals` the two people that a
money decision takes. Knows nothing of orders: whoever acts asks for a right, records, and uses an approval.
"""
