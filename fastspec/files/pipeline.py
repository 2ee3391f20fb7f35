"""Reading ahead and writing behind: a thread on either side of the one that computes, with little room between them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

ROOM = 2
"""Blocks that wait on either side."""
HELD = ROOM + 2
"""Blocks of one side that are in use at once: those that wait, the one that is made and the one that is used."""
_READER, _WRITER = 0.3, 5.0
"""Seconds for a thread to notice that it is to end.  One that waits for a pipe cannot; it ends with the process."""


class _Closed(Exception):
    """Nobody takes any more."""


class _Lane(Generic[T]):
    """A queue with room for a few things, which either end can close."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._turn = threading.Condition()
        self._ended = self._closed = False
        self._error: BaseException | None = None

    def put(self, item: T) -> None:
        with self._turn:
            self._turn.wait_for(lambda: len(self._items) < ROOM or self._closed)
            self.check()
            if self._closed:
                raise _Closed
            self._items.append(item)
            self._turn.notify_all()

    def check(self) -> None:
        """Raise what the other end has met."""
        if self._error is not None:
            raise self._error

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more comes; with an error, that is what comes."""
        with self._turn:
            self._ended, self._error = True, error or self._error
            self._turn.notify_all()

    def close(self, error: BaseException | None = None) -> None:
        """Nothing more is taken."""
        with self._turn:
            self._closed, self._error = True, error or self._error
            self._items.clear()
            self._turn.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._items or self._ended or self._closed)
                if not self._items:
                    break
                item = self._items.popleft()
                self._turn.notify_all()
            yield item
        self.check()


@contextmanager
def ahead(blocks: Iterable[T]) -> Iterator[Iterator[T]]:
    """`blocks`, taken by a thread before they are asked for; an error of theirs is raised where they are asked for."""
    lane: _Lane[T] = _Lane()

    def take() -> None:
        try:
            for block in blocks:
                lane.put(block)
            lane.end()
        except _Closed:
            pass
        except BaseException as error:  # whatever it is, the one that computes has to know
            lane.end(error)

    thread = threading.Thread(target=take, name="fastspec reader", daemon=True)
    thread.start()
    try:
        yield iter(lane)
    finally:
        lane.close()
        thread.join(_READER)


@contextmanager
def behind(write: Callable[[T], object]) -> Iterator[Callable[[T], None]]:
    """A function that hands a block to a thread, which calls `write`; at the end all is written.

    An error of `write` is raised at the next block, or at the end.
    """
    lane: _Lane[T] = _Lane()

    def put() -> None:
        try:
            for block in lane:
                write(block)
        except BaseException as error:
            lane.close(error)

    thread = threading.Thread(target=put, name="fastspec writer", daemon=True)
    thread.start()
    try:
        yield lane.put
        lane.end()
        while thread.is_alive():  # in short waits, for Ctrl-C
            thread.join(0.1)
        lane.check()
    finally:
        lane.close()
        thread.join(_WRITER)


class Ring:
    """Memory for blocks, used again and again: what is taken is in use until `HELD` more have been taken."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._arrays = [np.empty(0, dtype) for _ in range(HELD)]
        self._turn = 0

    def take(self, size: int) -> NDArray[Any]:
        """An array (size,), not filled."""
        self._turn = (self._turn + 1) % HELD
        if self._arrays[self._turn].size < size:
            self._arrays[self._turn] = np.empty(size, self._dtype)
        return self._arrays[self._turn][:size]
