"""What a compiled kernel asks numba's runtime for, in numba's intermediate language: memory, and another shape.

Written into each piece of machine code, so that it needs nothing but the C library. Whatever else numba's runtime does
(lists, text, objects) is left to numba.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils
from numba.core.runtime import nrtdynmod

from hybridx.compute.kernel_files import Unkept

__all__ = ["write_memory", "write_reshape"]

BYTE, INT, WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)
POINTER = BYTE.as_pointer()


def write_memory(module: ir.Module) -> None:
    """Write what arrays need that a kernel makes: memory from the C library, counted as numba counts."""
    expected = [WORD, POINTER, POINTER, POINTER, WORD]
    record = nrtdynmod._meminfo_struct_type  # noqa: SLF001 - seen to be what is written here
    if [str(part) for part in record.elements] != [str(part) for part in expected]:
        msg = "numba keeps memory in another form"
        raise Unkept(msg)
    head = ir.LiteralStructType([*expected, POINTER])
    malloc = ir.Function(module, ir.FunctionType(POINTER, [WORD]), "malloc")
    free = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), "free")

    make = ir.Function(module, ir.FunctionType(POINTER, [WORD, INT]), "NRT_MemInfo_alloc_aligned")
    builder = ir.IRBuilder(make.append_basic_block())
    size, align = make.args[0], builder.zext(make.args[1], WORD)
    room = builder.call(malloc, [builder.add(builder.add(size, align), ir.Constant(WORD, 48))])
    with builder.if_then(cgutils.is_null(builder, room), likely=False):
        builder.ret(room)
    start = builder.add(builder.ptrtoint(room, WORD), ir.Constant(WORD, 47))
    start = builder.mul(builder.udiv(builder.add(start, align), align), align)
    there = builder.bitcast(room, head.as_pointer())
    nothing = ir.Constant(POINTER, None)
    values = [ir.Constant(WORD, 1), nothing, nothing, builder.inttoptr(start, POINTER), size, nothing]
    for number, value in enumerate(values):
        builder.store(value, cgutils.gep_inbounds(builder, there, 0, number))
    builder.ret(room)

    drop = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), "NRT_MemInfo_call_dtor")
    builder = ir.IRBuilder(drop.append_basic_block())
    builder.call(free, [drop.args[0]])
    builder.ret_void()

    release = ir.Function(module, ir.FunctionType(ir.VoidType(), [WORD]), "release")
    builder = ir.IRBuilder(release.append_basic_block())
    count = builder.inttoptr(release.args[0], WORD.as_pointer())
    before = builder.atomic_rmw("sub", count, ir.Constant(WORD, 1), ordering="seq_cst")
    with builder.if_then(builder.icmp_unsigned("==", before, ir.Constant(WORD, 1))):
        builder.call(free, [builder.inttoptr(release.args[0], POINTER)])
    builder.ret_void()


def write_reshape(module: ir.Module) -> None:
    """Write numba's question whether another shape needs a copy, for arrays in C order; of others it says yes."""
    lengths = WORD.as_pointer()
    ask = ir.Function(
        module,
        ir.FunctionType(INT, [WORD, lengths, lengths, WORD, lengths, lengths, WORD, INT]),
        "numba_attempt_nocopy_reshape",
    )
    old_count, old_shape, old_strides, count, shape, strides, size, fortran = ask.args
    builder = ir.IRBuilder(ask.append_basic_block())
    with builder.if_then(builder.icmp_unsigned("!=", fortran, ir.Constant(INT, 0))):
        builder.ret(ir.Constant(INT, 0))
    step, cells = (
        cgutils.alloca_once_value(builder, size),
        cgutils.alloca_once_value(builder, ir.Constant(WORD, 1)),
    )
    with cgutils.for_range(builder, old_count) as loop:
        length = builder.load(builder.gep(old_shape, [loop.index]))
        builder.store(builder.mul(builder.load(cells), length), cells)
    some = builder.icmp_signed(
        "!=", builder.load(cells), ir.Constant(WORD, 0)
    )  # strides of nothing mean nothing
    with cgutils.for_range(builder, old_count) as loop:
        axis = builder.sub(builder.sub(old_count, loop.index), ir.Constant(WORD, 1))
        length, stride = (builder.load(builder.gep(side, [axis])) for side in (old_shape, old_strides))
        apart = builder.icmp_signed("!=", stride, builder.load(step))
        several = builder.icmp_signed("!=", length, ir.Constant(WORD, 1))
        with builder.if_then(builder.and_(some, builder.and_(apart, several))):
            builder.ret(ir.Constant(INT, 0))
        builder.store(builder.mul(builder.load(step), length), step)
    builder.store(size, step)
    with cgutils.for_range(builder, count) as loop:
        axis = builder.sub(builder.sub(count, loop.index), ir.Constant(WORD, 1))
        builder.store(builder.load(step), builder.gep(strides, [axis]))
        length = builder.load(builder.gep(shape, [axis]))
        builder.store(builder.mul(builder.load(step), length), step)
    builder.ret(ir.Constant(INT, 1))
