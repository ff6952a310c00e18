"""First come, first served, by groups: a batch is of one group, the one whose oldest item waits longest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class ReadyQueue(Generic[Entry]):
    """`begin` chooses the group, `pop` gives its entries in order until there are none. No group starves."""

    __slots__ = ("_count", "_current", "_group_of", "_groups", "_length")

    def __init__(self, group_of: Callable[[Entry], Hashable]) -> None:
        self._group_of = group_of
        self._groups: dict[Hashable, deque[tuple[int, Entry]]] = {}
        self._current: deque[tuple[int, Entry]] = deque()
        self._count = 0
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, entry: Entry) -> None:
        """The newest of its group."""
        self._count += 1
        self._length += 1
        group = self._group_of(entry)
        waiting = self._groups.get(group)
        if waiting is None:
            waiting = self._groups[group] = deque()
        waiting.append((self._count, entry))

    def begin(self) -> None:
        """Choose the group to pop from: the one that has waited longest."""
        waiting = [group for group in self._groups.values() if group]
        self._current = min(waiting, key=lambda group: group[0][0]) if waiting else deque()

    def pop(self) -> Entry | None:
        """The next entry of the chosen group, or None."""
        if not self._current:
            return None
        self._length -= 1
        return self._current.popleft()[1]
