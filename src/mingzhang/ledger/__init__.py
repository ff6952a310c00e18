"""The ledger: where every fen is, and whose. Pure postings, their SQL, and the store (ledger.md)."""
