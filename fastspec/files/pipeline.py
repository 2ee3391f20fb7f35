"""A reading and a writing thread beside the computing one, with a bounded queue on either side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import numpy as np

from .._typing import Array

T = TypeVar("T")

QUEUE_BLOCKS = 2
"""Blocks that wait in a queue at most."""
LIVE_BLOCKS = QUEUE_BLOCKS + 2
"""Blocks of one queue in use at once: those that wait, the one being produced and the one being consumed."""
_READER_EXIT_SECONDS, _WRITER_EXIT_SECONDS = 0.3, 5.0
"""Wait for a thread to end.  One that is blocked in a read of a pipe cannot; it ends with the process."""
_POLL_SECONDS = 0.1


class _Closed(Exception):
    """The consumer takes no more blocks."""


class _BoundedQueue(Generic[T]):
    """A queue of at most `QUEUE_BLOCKS` blocks, which the producer can end and the consumer can close."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = self._closed = False
        self._error: BaseException | None = None

    def put(self, item: T) -> None:
        """Append a block, as soon as fewer than `QUEUE_BLOCKS` wait."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < QUEUE_BLOCKS or self._closed)
            self.raise_error()
            if self._closed:
                raise _Closed
            self._items.append(item)
            self._changed.notify_all()

    def raise_error(self) -> None:
        """Raise the error with which the queue was ended or closed, if any."""
        if self._error is not None:
            raise self._error

    def end(self, error: BaseException | None = None) -> None:
        """Producer: there are no more blocks; `error` is raised after the last one."""
        with self._changed:
            self._ended, self._error = True, error or self._error
            self._changed.notify_all()

    def close(self, error: BaseException | None = None) -> None:
        """Consumer: drop the blocks that wait; `error` is raised by the next `put`."""
        with self._changed:
            self._closed, self._error = True, error or self._error
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._ended or self._closed)
                if not self._items:
                    break
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
        self.raise_error()


@contextmanager
def read_ahead(blocks: Iterable[T]) -> Iterator[Iterator[T]]:
    """Iterate over `blocks` in a thread, `QUEUE_BLOCKS` ahead of the caller; its errors are raised in the caller."""
    queue: _BoundedQueue[T] = _BoundedQueue()

    def fill_queue() -> None:
        try:
            for block in blocks:
                queue.put(block)
            queue.end()
        except _Closed:
            pass
        except BaseException as error:  # of any kind: the computing thread raises it
            queue.end(error)

    thread = threading.Thread(target=fill_queue, name="fastspec reader", daemon=True)
    thread.start()
    try:
        yield iter(queue)
    finally:
        queue.close()
        thread.join(_READER_EXIT_SECONDS)


@contextmanager
def write_behind(write: Callable[[T], object]) -> Iterator[Callable[[T], None]]:
    """A function that passes a block to a thread, which calls `write`; on leaving, all blocks have been written.

    An error of `write` is raised at the next block, or on leaving.
    """
    queue: _BoundedQueue[T] = _BoundedQueue()

    def drain_queue() -> None:
        try:
            for block in queue:
                write(block)
        except BaseException as error:
            queue.close(error)

    thread = threading.Thread(target=drain_queue, name="fastspec writer", daemon=True)
    thread.start()
    try:
        yield queue.put
        queue.end()
        while thread.is_alive():  # in short waits, so that Ctrl-C is noticed
            thread.join(_POLL_SECONDS)
        queue.raise_error()
    finally:
        queue.close()
        thread.join(_WRITER_EXIT_SECONDS)


class BufferRing:
    """`LIVE_BLOCKS` buffers in rotation: one is overwritten after `LIVE_BLOCKS` more calls of `next_buffer`."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._buffers = [np.empty(0, dtype) for _ in range(LIVE_BLOCKS)]
        self._index = 0

    def next_buffer(self, size: int) -> Array:
        """An array (size,) with arbitrary values."""
        self._index = (self._index + 1) % LIVE_BLOCKS
        if self._buffers[self._index].size < size:
            self._buffers[self._index] = np.empty(size, self._dtype)
        return self._buffers[self._index][:size]
