"""Evidence packs (交易证据包): everything on record about one order in one signed zip that is checked offline (R29, R32).

`model`: what a pack is made of, as plain data; `manifest`: the list of its parts with their hashes, signed; `messages`:
raw messages, masked where an edition demands it; `paper`: the sheets in Chinese.
"""
