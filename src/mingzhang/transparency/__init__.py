"""The public, append-only record: every change of every order in a Merkle log that nobody can rewrite (R29, R32, R47).

`merkle` and `tiles`: RFC 6962 hashing in C2SP tlog-tiles; `notes`: signed checkpoints and cosignatures; `entry`:
what one change says; `sequencer`: the one writer; `receipt`: what a buyer holds; `witness`: a third party's eye.
"""
