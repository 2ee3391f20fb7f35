"""Vector values for kernels: ``Vec(float32, 16)`` and ``Vec(float64, 8)``, one 64-byte vector of neighbouring lanes.

The element type and the number of lanes follow from the array (or vector) that an intrinsic takes, so one source serves
float32 and float64.  Offsets are int64 numbers of elements, without wraparound and without bounds checks: arguments
are validated before kernels run.
"""

import functools
import operator

from ..runtime.jit import (
    FASTMATH,
    I32,
    I64,
    AbstractTemplate,
    cgutils,
    data_pointer,
    infer_global,
    intrinsic,
    ir,
    lower_builtin,
    models,
    register_model,
    signature,
    types,
)

LANES = {types.float32: 16, types.float64: 8}


class Vec(types.Type):
    """A register of `lanes` neighbouring numbers of `dtype`; arithmetic with a Vec or a scalar is lane by lane."""

    def __init__(self, dtype, lanes):
        self.dtype, self.lanes = dtype, lanes
        super().__init__(f"Vec({dtype}, {lanes})")

    @property
    def key(self):
        return self.dtype, self.lanes

    @property
    def llvm(self):
        return ir.VectorType(ir.FloatType() if self.dtype == types.float32 else ir.DoubleType(), self.lanes)

    @property
    def align(self):
        return self.dtype.bitwidth // 8


@register_model(Vec)
class VecModel(models.PrimitiveModel):
    """A Vec is an LLVM vector, by value."""

    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, fe_type.llvm)


def vec_of(array):
    """The Vec whose lanes are the array's elements."""
    return Vec(array.dtype, LANES[array.dtype])


# ---- code generation ----
def emit_splat(builder, value, lanes):
    """An LLVM value in every lane."""
    vector = ir.VectorType(value.type, lanes)
    first_lane = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(I32, 0))
    return emit_shuffle(builder, first_lane, ir.Constant(vector, ir.Undefined), [0] * lanes)


def emit_shuffle(builder, a, b, mask):
    """Lane i of the result is lane mask[i] of the concatenation of a and b."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(I32, len(mask)), list(mask)))


def emit_constant(llvm_vector, value):
    """A constant in every lane."""
    return ir.Constant(llvm_vector, [ir.Constant(llvm_vector.element, value)] * llvm_vector.count)


def emit_pointer(builder, data, offset, llvm_type):
    """Address of element `offset`, as a pointer to `llvm_type`."""
    return builder.bitcast(builder.gep(data, [offset]), llvm_type.as_pointer())


def declare_function(builder, name, result, *arguments):
    """Declare an LLVM intrinsic such as llvm.sqrt; returns the function."""
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), name)


# ---- arithmetic ----
def _arithmetic(op, instruction):
    """Type and lower an operator for two vectors, or for a vector and a scalar in every lane."""

    @infer_global(op)
    class Template(AbstractTemplate):
        def generic(self, args, kws):
            vectors = [a for a in args if isinstance(a, Vec)]
            if len(args) != 2 or not vectors or any(v != vectors[0] for v in vectors):
                return None
            if all(isinstance(a, (Vec, types.Float)) for a in args):
                return signature(vectors[0], *(a if isinstance(a, Vec) else vectors[0].dtype for a in args))
            return None

    def lower(context, builder, sig, args):
        lanes = sig.return_type.lanes
        a, b = (
            value if isinstance(kind, Vec) else emit_splat(builder, value, lanes)
            for kind, value in zip(sig.args, args, strict=True)
        )
        return getattr(builder, instruction)(a, b, flags=FASTMATH)

    lower_builtin(op, Vec, Vec)(lower)
    lower_builtin(op, Vec, types.Float)(lower)
    lower_builtin(op, types.Float, Vec)(lower)


for _op, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _arithmetic(_op, _instruction)


@intrinsic
def maximum(typingctx, a, b):
    """max(a, b), lane by lane; b where a or b is NaN."""

    def codegen(context, builder, sig, args):
        return builder.select(builder.fcmp_ordered(">", args[0], args[1]), args[0], args[1])

    return a(a, a), codegen


@intrinsic
def minimum(typingctx, a, b):
    """min(a, b), lane by lane; b where a or b is NaN."""

    def codegen(context, builder, sig, args):
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[0], args[1])

    return a(a, a), codegen


@intrinsic
def sqrt(typingctx, v):
    """The square root, lane by lane."""

    def codegen(context, builder, sig, args):
        root = declare_function(builder, f"llvm.sqrt.v{v.lanes}f{v.dtype.bitwidth}", v.llvm, v.llvm)
        return builder.call(root, [args[0]])

    return v(v), codegen


@intrinsic
def scale_exactly(typingctx, v, scale):
    """v scale, lane by lane, for a power of two; denormals keep their values, and take no longer than other numbers.

    A denormal is its fraction f times the least positive number.  f under the exponent of 2**(digits + e), less that
    power, is f 2**e, whatever the mode of the thread: the denormal times 2**lift, for which the scale has 2**lift less.
    """
    bits, digits, bias = (32, 23, 127) if v.dtype == types.float32 else (64, 52, 1023)
    lift = bias // 2

    def codegen(context, builder, sig, args):
        word = ir.IntType(bits)
        words = ir.VectorType(word, v.lanes)
        number = builder.bitcast(args[0], words)
        sign = builder.and_(number, emit_constant(words, 1 << (bits - 1)))
        size = builder.xor(number, sign)
        is_denormal = builder.icmp_unsigned("<", size, emit_constant(words, 1 << digits))
        power = emit_constant(words, (1 + lift) << digits)
        lifted = builder.fsub(builder.bitcast(builder.or_(size, power), v.llvm), builder.bitcast(power, v.llvm))
        lowered = builder.sub(builder.bitcast(args[1], word), ir.Constant(word, lift << digits))  # no rounding
        is_normal = builder.icmp_signed(">", lowered, ir.Constant(word, 0))
        lowered = builder.bitcast(builder.select(is_normal, lowered, ir.Constant(word, 0)), v.llvm.element)
        lowered, scale = (emit_splat(builder, factor, v.lanes) for factor in (lowered, args[1]))
        numbers = builder.select(is_denormal, lifted, builder.bitcast(size, v.llvm))
        product = builder.fmul(numbers, builder.select(is_denormal, lowered, scale))
        return builder.bitcast(builder.or_(builder.bitcast(product, words), sign), v.llvm)

    return v(v, v.dtype), codegen


@intrinsic
def mask_at_least(typingctx, v, bound):
    """Bit k of the result is 1 where lane k is >= bound."""

    def codegen(context, builder, sig, args):
        mask = builder.fcmp_ordered(">=", args[0], emit_splat(builder, args[1], v.lanes))
        return builder.zext(builder.bitcast(mask, ir.IntType(v.lanes)), I64)

    return types.int64(v, v.dtype), codegen


def _select(comparison):
    @intrinsic
    def select(typingctx, a, b, x, y):
        def codegen(context, builder, sig, args):
            compare = builder.fcmp_unordered if comparison == "!=" else builder.fcmp_ordered
            return builder.select(compare(comparison, args[0], args[1]), args[2], args[3])

        return a(a, a, a, a), codegen

    return select


select_greater = _select(">")  # lane by lane x where a > b, else y
select_greater_equal = _select(">=")  # x where a >= b, else y
select_not_equal = _select("!=")  # x where a != b, else y


def _lane_mask(comparison):
    @intrinsic
    def lane_mask(typingctx, a, b):
        def codegen(context, builder, sig, args):
            mask = builder.fcmp_ordered(comparison, args[0], args[1])
            return builder.zext(builder.bitcast(mask, ir.IntType(a.lanes)), I64)

        return types.int64(a, a), codegen

    return lane_mask


mask_greater = _lane_mask(">")  # bit k is 1 where a > b in lane k
mask_greater_equal = _lane_mask(">=")  # bit k is 1 where a >= b in lane k


@intrinsic
def trailing_zeros(typingctx, mask):
    """Position of the lowest set bit; 64 if there is none."""

    def codegen(context, builder, sig, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), codegen


# ---- memory ----
@intrinsic
def load(typingctx, a, i):
    """The vector a[i : i + lanes]."""
    vec = vec_of(a)

    def codegen(context, builder, sig, args):
        data = data_pointer(context, builder, a, args[0])
        return builder.load(emit_pointer(builder, data, args[1], vec.llvm), align=vec.align)

    return vec(a, types.int64), codegen


@intrinsic
def store(typingctx, a, i, v):
    """a[i : i + lanes] = v."""
    if v != vec_of(a):
        return None

    def codegen(context, builder, sig, args):
        data = data_pointer(context, builder, a, args[0])
        builder.store(args[2], emit_pointer(builder, data, args[1], v.llvm), align=v.align)
        return context.get_dummy_value()

    return types.void(a, types.int64, v), codegen


def _first_lanes(builder, count, lanes):
    """The mask of the lanes below `count`."""
    numbers = ir.Constant(ir.VectorType(I64, lanes), [ir.Constant(I64, k) for k in range(lanes)])
    return builder.icmp_signed("<", numbers, emit_splat(builder, count, lanes))


@intrinsic
def load_partial(typingctx, a, i, count):
    """a[i : i + count] in the first lanes, zeros in the rest; reads nothing beyond."""
    vec = vec_of(a)

    def codegen(context, builder, sig, args):
        at = emit_pointer(builder, data_pointer(context, builder, a, args[0]), args[1], vec.llvm)
        mask, zero = _first_lanes(builder, args[2], vec.lanes), emit_constant(vec.llvm, 0.0)
        name = f"llvm.masked.load.v{vec.lanes}f{vec.dtype.bitwidth}.p0"
        load = declare_function(builder, name, vec.llvm, at.type, I32, mask.type, vec.llvm)
        return builder.call(load, [at, ir.Constant(I32, vec.align), mask, zero])

    return vec(a, types.int64, types.int64), codegen


@intrinsic
def load_lanes(typingctx, a, i, first, last):
    """a[i + k] in lanes k = first .. last - 1, zeros elsewhere; reads nothing else."""
    vec = vec_of(a)

    def codegen(context, builder, sig, args):
        at = emit_pointer(builder, data_pointer(context, builder, a, args[0]), args[1], vec.llvm)
        below = builder.not_(_first_lanes(builder, args[2], vec.lanes))
        mask = builder.and_(_first_lanes(builder, args[3], vec.lanes), below)
        name = f"llvm.masked.load.v{vec.lanes}f{vec.dtype.bitwidth}.p0"
        load = declare_function(builder, name, vec.llvm, at.type, I32, mask.type, vec.llvm)
        return builder.call(load, [at, ir.Constant(I32, vec.align), mask, emit_constant(vec.llvm, 0.0)])

    return vec(a, types.int64, types.int64, types.int64), codegen


@intrinsic
def store_partial(typingctx, a, i, v, count):
    """a[i : i + count] = the first lanes of v; writes nothing beyond."""
    if v != vec_of(a):
        return None

    def codegen(context, builder, sig, args):
        at = emit_pointer(builder, data_pointer(context, builder, a, args[0]), args[1], v.llvm)
        mask = _first_lanes(builder, args[3], v.lanes)
        name = f"llvm.masked.store.v{v.lanes}f{v.dtype.bitwidth}.p0"
        store = declare_function(builder, name, ir.VoidType(), v.llvm, at.type, I32, mask.type)
        builder.call(store, [args[2], at, ir.Constant(I32, v.align), mask])
        return context.get_dummy_value()

    return types.void(a, types.int64, v, types.int64), codegen


@intrinsic
def load_splat(typingctx, a, i):
    """The number a[i] in every lane."""
    vec = vec_of(a)

    def codegen(context, builder, sig, args):
        data = data_pointer(context, builder, a, args[0])
        return emit_splat(builder, builder.load(builder.gep(data, [args[1]])), vec.lanes)

    return vec(a, types.int64), codegen


@intrinsic
def splat(typingctx, like, value):
    """A number in every lane of a vector of the array's type."""
    vec = vec_of(like)

    def codegen(context, builder, sig, args):
        return emit_splat(builder, args[1], vec.lanes)

    return vec(like, like.dtype), codegen


@intrinsic
def load_centred(typingctx, x, i, mean, scale):
    """(x[i : i + 16] - mean) * scale, computed in x's dtype, as a float32 vector."""
    wide = ir.VectorType(vec_of(x).llvm.element, 16)
    narrow = Vec(types.float32, 16)

    def codegen(context, builder, sig, args):
        data = data_pointer(context, builder, x, args[0])
        v = builder.load(emit_pointer(builder, data, args[1], wide), align=vec_of(x).align)
        v = builder.fsub(v, emit_splat(builder, args[2], 16), flags=FASTMATH)
        v = builder.fmul(v, emit_splat(builder, args[3], 16), flags=FASTMATH)
        return v if x.dtype == types.float32 else builder.fptrunc(v, narrow.llvm)

    return narrow(x, types.int64, x.dtype, x.dtype), codegen


@intrinsic
def lanes(typingctx, a):
    """Lanes of the array's vectors: a compile-time constant."""
    count = LANES[a.dtype]

    def codegen(context, builder, sig, args):
        return ir.Constant(I64, count)

    return types.int64(a), codegen


# ---- order of lanes ----
@intrinsic
def reverse_lanes(typingctx, v):
    """The lanes in reverse order."""

    def codegen(context, builder, sig, args):
        return emit_shuffle(builder, args[0], args[0], range(v.lanes - 1, -1, -1))

    return v(v), codegen


def _deinterleave(first):
    @intrinsic
    def deinterleave(typingctx, a, b):
        def codegen(context, builder, sig, args):
            return emit_shuffle(builder, args[0], args[1], range(first, 2 * a.lanes, 2))

        return a(a, a), codegen

    return deinterleave


evens = _deinterleave(0)  # elements 0, 2, 4 ... of the concatenation of two vectors
odds = _deinterleave(1)  # elements 1, 3, 5 ...


def _interleave(upper):
    @intrinsic
    def interleave(typingctx, a, b):
        start = a.lanes // 2 if upper else 0
        mask = [x for k in range(start, start + a.lanes // 2) for x in (k, k + a.lanes)]

        def codegen(context, builder, sig, args):
            return emit_shuffle(builder, args[0], args[1], mask)

        return a(a, a), codegen

    return interleave


zip_low = _interleave(False)  # a0 b0 a1 b1 ... of the lower halves
zip_high = _interleave(True)  # the same of the upper halves


def _reduction(combine):
    @intrinsic
    def reduce(typingctx, v):
        def codegen(context, builder, sig, args):
            elements = [builder.extract_element(args[0], ir.Constant(I32, k)) for k in range(v.lanes)]
            return functools.reduce(lambda a, b: combine(builder, a, b), elements)

        return v.dtype(v), codegen

    return reduce


lane_sum = _reduction(lambda builder, a, b: builder.fadd(a, b, flags=FASTMATH))
lane_max = _reduction(lambda builder, a, b: builder.select(builder.fcmp_ordered(">", b, a), b, a))
