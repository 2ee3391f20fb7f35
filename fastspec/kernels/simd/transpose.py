"""Square blocks turned on their side in registers: lanes become rows of memory and back.

A transpose of n vectors of n lanes takes log2 n rounds of shuffles (Eklundh, IEEE Trans. Comput. C-21, 1972, 801-803).
Every intrinsic reads and writes whole blocks of `lanes` by `lanes` numbers; the loops around them see to the edges.
"""

from ..runtime.jit import FASTMATH, I64, data_pointer, intrinsic, ir, types
from .vector import pointer_at, shuffled, splatted, vec_of

i64 = types.int64


def transposed_rows(builder, rows, group=1):
    """The square transpose of a list of vectors, whose elements are `group` neighbouring numbers."""
    n, distance, rows = len(rows), 1, list(rows)
    while distance < n:
        out = list(rows)
        for i in range(n):
            if i & distance:
                continue
            low, high = [], []
            for k in range(n):
                a, b = (k, k | distance) if not k & distance else (n + (k ^ distance), n + k)
                low += [a * group + g for g in range(group)]
                high += [b * group + g for g in range(group)]
            out[i] = shuffled(builder, rows[i], rows[i | distance], low)
            out[i | distance] = shuffled(builder, rows[i], rows[i | distance], high)
        rows, distance = out, 2 * distance
    return rows


class _Block:
    """Loads and stores of vectors at data[offset + k step]."""

    def __init__(self, context, builder, array_type, array):
        self.builder, self.vec = builder, vec_of(array_type)
        self.data = data_pointer(context, builder, array_type, array)

    def _at(self, offset, step, k):
        jump = self.builder.mul(step, ir.Constant(I64, k))
        return pointer_at(self.builder, self.data, self.builder.add(offset, jump), self.vec.llvm)

    def load(self, offset, step, k):
        return self.builder.load(self._at(offset, step, k), align=self.vec.align)

    def store(self, value, offset, step, k, streamed=False):
        instruction = self.builder.store(value, self._at(offset, step, k), align=64 if streamed else self.vec.align)
        if streamed:  # past the caches, to an address on a cache line
            node = self.builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
            instruction.set_metadata("nontemporal", node)


def _turn(context, builder, sig, args, streamed):
    source, target = _Block(context, builder, sig.args[0], args[0]), _Block(context, builder, sig.args[3], args[3])
    rows = [source.load(args[1], args[2], c) for c in range(source.vec.lanes)]
    for r, row in enumerate(transposed_rows(builder, rows)):
        target.store(row, args[4], args[5], r, streamed)
    return context.get_dummy_value()


@intrinsic
def transpose_block(typingctx, src, i, ldi, dst, o, ldo):
    """dst[o + r ldo + c] = src[i + c ldi + r] for r, c < lanes; the strides may be negative."""
    return types.void(src, i64, i64, dst, i64, i64), lambda *code: _turn(*code, streamed=False)


@intrinsic
def transpose_block_streamed(typingctx, src, i, ldi, dst, o, ldo):
    """The same, past the caches: o and ldo must keep every row of dst on a cache line."""
    return types.void(src, i64, i64, dst, i64, i64), lambda *code: _turn(*code, streamed=True)


@intrinsic
def centre_block(typingctx, src, i, ldi, dst, o, ldo, mean, scale):
    """dst[o + r ldo + c] = (src[i + c ldi + r] - mean) scale for r, c < lanes."""

    def codegen(context, builder, sig, args):
        source, target = _Block(context, builder, src, args[0]), _Block(context, builder, dst, args[3])
        mean, scale = (splatted(builder, value, source.vec.lanes) for value in args[6:])
        rows = [source.load(args[1], args[2], c) for c in range(source.vec.lanes)]
        rows = [builder.fmul(builder.fsub(row, mean, flags=FASTMATH), scale, flags=FASTMATH) for row in rows]
        for r, row in enumerate(transposed_rows(builder, rows)):
            target.store(row, args[4], args[5], r)
        return context.get_dummy_value()

    return types.void(src, i64, i64, dst, i64, i64, src.dtype, src.dtype), codegen


def _spread(context, builder, sig, args, streamed):
    lane_type, frame_type = sig.args[0], sig.args[2]
    tile, frames = _Block(context, builder, lane_type, args[0]), _Block(context, builder, frame_type, args[2])
    n, one = tile.vec.lanes, ir.Constant(I64, 1)
    half = n // 2
    parts = [[], []]
    for k in range(half):
        re, im = tile.load(args[1], one, 2 * n * k), tile.load(args[1], one, 2 * n * k + n)
        for g in (0, 1):
            mask = [x for f in range(g * half, g * half + half) for x in (f, n + f)]
            parts[g].append(shuffled(builder, re, im, mask))
    for g in (0, 1):
        for f, row in enumerate(transposed_rows(builder, parts[g], 2)):
            frames.store(row, args[3], args[4], g * half + f, streamed)
    return context.get_dummy_value()


@intrinsic
def spread_block(typingctx, c, i, s, o, lds):
    """s[o + f lds + 2 k : + 2] = (re, im) of bin k and frame f, for lanes frames and lanes/2 bins,

    from c[i + 2 lanes k] = re of all lanes, then im of all lanes.
    """
    return types.void(c, i64, s, i64, i64), lambda *code: _spread(*code, streamed=False)


@intrinsic
def spread_block_streamed(typingctx, c, i, s, o, lds):
    """The same, past the caches: o and lds must keep every row of s on a cache line."""
    return types.void(c, i64, s, i64, i64), lambda *code: _spread(*code, streamed=True)


@intrinsic
def gather_block(typingctx, s, o, lds, c, i):
    """The mirror of `spread_block`: interleaved frames to lanes."""

    def codegen(context, builder, sig, args):
        frames, tile = _Block(context, builder, s, args[0]), _Block(context, builder, c, args[3])
        n, one = tile.vec.lanes, ir.Constant(I64, 1)
        half = n // 2
        parts = []
        for g in (0, 1):
            rows = [frames.load(args[1], args[2], g * half + f) for f in range(half)]
            parts.append(transposed_rows(builder, rows, 2))
        for k in range(half):
            for x in (0, 1):
                row = shuffled(builder, parts[0][k], parts[1][k], range(x, 2 * n, 2))
                tile.store(row, args[4], one, 2 * n * k + n * x)
        return context.get_dummy_value()

    return types.void(s, i64, i64, c, i64), codegen


@intrinsic
def memory_fence(typingctx):
    """Streamed stores before it are seen by whoever reads after it."""

    def codegen(context, builder, sig, args):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen
