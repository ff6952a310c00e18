"""As much of DER (X.690) as a timestamp needs."""

from __future__ import annotations

SEQUENCE, SET, INTEGER, OCTETS, OID, TIME, TRUE = 0x30, 0x31, 0x02, 0x04, 0x06, 0x18, b"\x01\x01\xff"


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(size)]) + size + body


def integer(value: int) -> bytes:
    """A number that is not negative."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def oid(text: str) -> bytes:
    """An object identifier from its dotted form."""
    first, second, *rest = (int(part) for part in text.split("."))
    body = bytearray([first * 40 + second])
    for value in rest:
        digits = [value & 0x7F]
        while value := value >> 7:
            digits.append(value & 0x7F | 0x80)
        body += bytes(reversed(digits))
    return tlv(OID, bytes(body))


def children(element: bytes, tag: int) -> list[bytes]:
    """The elements inside one of that tag. Raises ValueError for anything else."""
    begin, end = _span(element, 0)
    if element[0] != tag or end != len(element):
        raise ValueError("another element")
    found = []
    while begin < end:
        _, after = _span(element, begin)
        found.append(element[begin:after])
        begin = after
    return found


def _span(data: bytes, at: int) -> tuple[int, int]:
    if at + 2 > len(data):
        raise ValueError("cut off")
    size, begin = data[at + 1], at + 2
    if size & 0x80:
        begin += size & 0x7F
        size = int.from_bytes(data[at + 2 : begin])
    if begin + size > len(data):
        raise ValueError("cut off")
    return begin, begin + size
