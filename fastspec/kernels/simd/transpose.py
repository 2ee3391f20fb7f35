"""Transposes of square blocks in registers: vectors of lanes become rows of memory and back.

A transpose of n vectors of n lanes takes log2 n rounds of shuffles (Eklundh, IEEE Trans. Comput. C-21, 1972, 801-803).
Every intrinsic reads and writes whole blocks of `lanes` by `lanes` numbers.
"""

from ..runtime.jit import FASTMATH, I64, data_pointer, intrinsic, ir, types
from .vector import emit_pointer, emit_shuffle, emit_splat, vec_of

i64 = types.int64


def emit_transpose(builder, rows, element_size=1):
    """The transpose of a square of elements, each `element_size` neighbouring numbers; a vector holds a row of them."""
    n, distance, rows = len(rows), 1, list(rows)
    while distance < n:
        out = list(rows)
        for i in range(n):
            if i & distance:
                continue
            low, high = [], []
            for k in range(n):
                a, b = (k, k | distance) if not k & distance else (n + (k ^ distance), n + k)
                low += [a * element_size + g for g in range(element_size)]
                high += [b * element_size + g for g in range(element_size)]
            out[i] = emit_shuffle(builder, rows[i], rows[i | distance], low)
            out[i | distance] = emit_shuffle(builder, rows[i], rows[i | distance], high)
        rows, distance = out, 2 * distance
    return rows


class _Block:
    """Loads and stores vectors at data[offset + k stride]."""

    def __init__(self, context, builder, array_type, array):
        self.builder, self.vec = builder, vec_of(array_type)
        self.data = data_pointer(context, builder, array_type, array)

    def _pointer(self, offset, stride, k):
        row = self.builder.mul(stride, ir.Constant(I64, k))
        return emit_pointer(self.builder, self.data, self.builder.add(offset, row), self.vec.llvm)

    def load(self, offset, stride, k):
        return self.builder.load(self._pointer(offset, stride, k), align=self.vec.align)

    def store(self, value, offset, stride, k, streamed=False):
        align = 64 if streamed else self.vec.align
        instruction = self.builder.store(value, self._pointer(offset, stride, k), align=align)
        if streamed:  # past the caches, to an address on a cache line
            node = self.builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
            instruction.set_metadata("nontemporal", node)


def _emit_transposed_block(context, builder, sig, args, streamed):
    """The code of `transpose_block`."""
    source, target = _Block(context, builder, sig.args[0], args[0]), _Block(context, builder, sig.args[3], args[3])
    rows = [source.load(args[1], args[2], c) for c in range(source.vec.lanes)]
    for r, row in enumerate(emit_transpose(builder, rows)):
        target.store(row, args[4], args[5], r, streamed)
    return context.get_dummy_value()


@intrinsic
def transpose_block(typingctx, src, i, src_stride, dst, o, dst_stride):
    """dst[o + r dst_stride + c] = src[i + c src_stride + r] for r, c < lanes; the strides may be negative."""
    return types.void(src, i64, i64, dst, i64, i64), lambda *code: _emit_transposed_block(*code, streamed=False)


@intrinsic
def transpose_block_streamed(typingctx, src, i, src_stride, dst, o, dst_stride):
    """`transpose_block` past the caches: o and dst_stride must keep every row of dst on a cache line."""
    return types.void(src, i64, i64, dst, i64, i64), lambda *code: _emit_transposed_block(*code, streamed=True)


@intrinsic
def transpose_block_centred(typingctx, src, i, src_stride, dst, o, dst_stride, mean):
    """dst[o + r dst_stride + c] = src[i + c src_stride + r] - mean for r, c < lanes."""

    def codegen(context, builder, sig, args):
        source, target = _Block(context, builder, src, args[0]), _Block(context, builder, dst, args[3])
        mean = emit_splat(builder, args[6], source.vec.lanes)
        rows = [source.load(args[1], args[2], c) for c in range(source.vec.lanes)]
        rows = [builder.fsub(row, mean, flags=FASTMATH) for row in rows]
        for r, row in enumerate(emit_transpose(builder, rows)):
            target.store(row, args[4], args[5], r)
        return context.get_dummy_value()

    return types.void(src, i64, i64, dst, i64, i64, src.dtype), codegen


def _emit_scattered_block(context, builder, sig, args, streamed):
    """The code of `scatter_complex_block`."""
    lane_type, frame_type = sig.args[0], sig.args[2]
    tile, frames = _Block(context, builder, lane_type, args[0]), _Block(context, builder, frame_type, args[2])
    n, unit = tile.vec.lanes, ir.Constant(I64, 1)
    half = n // 2
    halves = [[], []]
    for k in range(half):
        re, im = tile.load(args[1], unit, 2 * n * k), tile.load(args[1], unit, 2 * n * k + n)
        for g in (0, 1):
            mask = [x for f in range(g * half, g * half + half) for x in (f, n + f)]
            halves[g].append(emit_shuffle(builder, re, im, mask))
    for g in (0, 1):
        for f, row in enumerate(emit_transpose(builder, halves[g], 2)):
            frames.store(row, args[3], args[4], g * half + f, streamed)
    return context.get_dummy_value()


@intrinsic
def scatter_complex_block(typingctx, c, i, s, o, s_stride):
    """s[o + f s_stride + 2 k : + 2] = (re, im) of bin k and frame f, for lanes frames and lanes/2 bins,

    from c[i + 2 lanes k] = re of all lanes, then im of all lanes.
    """
    return types.void(c, i64, s, i64, i64), lambda *code: _emit_scattered_block(*code, streamed=False)


@intrinsic
def scatter_complex_block_streamed(typingctx, c, i, s, o, s_stride):
    """`scatter_complex_block` past the caches: o and s_stride must keep every row of s on a cache line."""
    return types.void(c, i64, s, i64, i64), lambda *code: _emit_scattered_block(*code, streamed=True)


@intrinsic
def gather_complex_block(typingctx, s, o, s_stride, c, i):
    """The inverse of `scatter_complex_block`: frames of interleaved re, im -> lanes."""

    def codegen(context, builder, sig, args):
        frames, tile = _Block(context, builder, s, args[0]), _Block(context, builder, c, args[3])
        n, unit = tile.vec.lanes, ir.Constant(I64, 1)
        half = n // 2
        halves = []
        for g in (0, 1):
            rows = [frames.load(args[1], args[2], g * half + f) for f in range(half)]
            halves.append(emit_transpose(builder, rows, 2))
        for k in range(half):
            for x in (0, 1):
                row = emit_shuffle(builder, halves[0][k], halves[1][k], range(x, 2 * n, 2))
                tile.store(row, args[4], unit, 2 * n * k + n * x)
        return context.get_dummy_value()

    return types.void(s, i64, i64, c, i64), codegen


@intrinsic
def memory_fence(typingctx):
    """Order streamed stores before it ahead of all loads and stores after it."""

    def codegen(context, builder, sig, args):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen
