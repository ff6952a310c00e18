"""Notices (通知): what buyers, the shop and its staff are told, each in a row with its own delivery state.

`flow.enqueue` writes rows inside the transaction of what they tell of; `flow.due` and `flow.work` are the
worker's. A row is not a sending (F16): `sent` needs the other side's positive answer, kept as evidence.
"""
