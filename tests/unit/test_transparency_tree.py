"""The log's tree, tiles and notes against published vectors and an independent reading of the same rules."""

from __future__ import annotations

import hashlib
import random

import pytest

from mingzhang.kit.errors import Problem
from mingzhang.transparency import merkle, tiles
from mingzhang.transparency.notes import (
    COSIGNED,
    Checkpoint,
    Signer,
    parse_checkpoint,
    parse_note,
    parse_verifier,
    sign_checkpoint,
    verified,
)
from mingzhang.transparency.tree import Edge

# RFC 6962's reference tree: eight leaves, and the root after each.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def plain_root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 writes it, recursively and with nothing of ours."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + plain_root(leaves[:k]) + plain_root(leaves[k:])).digest()


def plain_path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH as RFC 6962 writes it."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*plain_path(m, leaves[:k]), plain_root(leaves[k:])]
    return [*plain_path(m - k, leaves[k:]), plain_root(leaves[:k])]


def all_tiles(edge_entries: list[bytes]) -> tuple[Edge, dict[tuple[int, int], bytes]]:
    """The edge after these entries, and every tile, the partial ones too, made from the leaf hashes alone."""
    edge = Edge.empty()
    whole = {(tile.level, tile.n): tile.hashes for tile in edge.append(edge_entries)}
    made: dict[tuple[int, int], bytes] = {}
    row = [merkle.leaf_hash(entry) for entry in edge_entries]
    for level in range(tiles.LEVELS_MAX):
        for n in range(0, len(row), tiles.WIDTH):
            made[level, n // tiles.WIDTH] = b"".join(row[n : n + tiles.WIDTH])
        row = [tiles.tile_root(made[level, n]) for n in range(len(row) // tiles.WIDTH)]
    assert whole == {key: data for key, data in made.items() if len(data) == 8192}
    return edge, made


def test_roots_are_the_published_ones() -> None:
    edge = Edge.empty()
    for leaf, expected in zip(LEAVES, ROOTS, strict=True):
        edge.append([leaf])
        assert edge.root().hex() == expected


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 255, 256, 257, 700])
def test_roots_and_proofs_are_those_of_the_standard(size: int) -> None:
    entries = [index.to_bytes(3) * (index % 5 + 1) for index in range(size)]
    edge, made = all_tiles(entries)
    root = plain_root(entries)
    assert edge.root() == root
    read = tiles.reader(made)
    chosen = random.Random(size)
    for index in {0, size - 1, chosen.randrange(size), chosen.randrange(size)}:
        proof = merkle.prove(merkle.inclusion_parts(index, size), read)
        leaf = merkle.leaf_hash(entries[index])
        assert proof == plain_path(index, entries)
        assert merkle.check_inclusion(leaf, index, size, proof, root)
        assert not merkle.check_inclusion(leaf, index, size, [*proof, root], root)
        assert not merkle.check_inclusion(leaf, index + 1, size, proof, root)
        assert not proof or not merkle.check_inclusion(leaf, index, size, proof[:-1], root)
        assert not merkle.check_inclusion(merkle.leaf_hash(b"other"), index, size, proof, root)
    for old in {1, size, chosen.randint(1, size), chosen.randint(1, size)}:
        proof = merkle.prove(merkle.consistency_parts(old, size), read)
        earlier = plain_root(entries[:old])
        assert merkle.check_consistency(old, size, proof, earlier, root)
        assert old == size or not merkle.check_consistency(old, size, proof, root, root)
        assert not merkle.check_consistency(old, size, [*proof, root], earlier, root)


def test_addresses_of_tiles() -> None:
    whole = tiles.TileName(0, 1234067, 256)
    assert tiles.tile_path(whole) == "tile/0/x001/x234/067"
    assert tiles.parse_path("0/x001/x234/067") == whole
    assert tiles.parse_path("entries/000.p/7") == tiles.TileName(tiles.ENTRIES, 0, 7)
    for wrong in (
        "0/1",
        "0/x000/001",
        "6/000",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/07",
        "entries/-01",
        "0/000/",
        "",
    ):
        assert tiles.parse_path(wrong) is None
    assert tiles.exists(tiles.TileName(1, 0, 2), 512)
    assert not tiles.exists(tiles.TileName(1, 0, 2), 511)


def test_notes_read_as_others_write_them() -> None:
    """The example that the note format's documentation gives."""
    verifier = parse_verifier("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    line = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    assert verified(parse_note(f"{text}\n{line}\n"), verifier)
    assert not verified(parse_note(f"{text.replace('think', 'drink')}\n{line}\n"), verifier)
    assert not verified(parse_note(f"{text}\n{line.replace('PeterNeumann', 'EnochRoot')}\n"), verifier)


def test_checkpoints_and_cosignatures() -> None:
    log, witness = Signer("shop.example/log", bytes(32)), Signer("eye.example", b"\x01" * 32, COSIGNED)
    state = Checkpoint("shop.example/log", 8, bytes.fromhex(ROOTS[-1]))
    note = sign_checkpoint(state, log, [witness.cosign(state.text(), 1_700_000_000)])
    again = parse_note(note.whole())
    assert parse_checkpoint(again.text) == state
    assert verified(again, log.verifier)
    assert verified(again, parse_verifier(witness.verifier.text()))
    later = note.whole().replace("\n8\n", "\n9\n")
    assert not verified(parse_note(later), log.verifier)
    assert not verified(parse_note(later), witness.verifier)
    assert repr(log) == "Signer('shop.example/log', key hidden)"
    for wrong in ("", "a\nb", "shop\n8\nAAAA\n", "shop\n08\n" + "A" * 43 + "=\n", "\n8\n" + "A" * 43 + "=\n"):
        with pytest.raises(Problem, match="note_invalid"):
            parse_checkpoint(wrong)
