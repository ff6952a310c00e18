"""Days of a shop, accelerated: orders, payments, supply, refunds, settlement, statements, bills, closing reports."""
