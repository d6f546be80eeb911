"""What a compiled kernel asks numba's runtime for, in numba's intermediate language: memory, and another shape.

Written into each piece of machine code, so that it needs nothing but the C library. Whatever else numba's runtime does
(dictionaries, text, objects) is left to numba.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.core.runtime import nrtdynmod

from hybridx.compute.kernel_files import Unkept

__all__ = ["write_memory", "write_reshape"]

BYTE, INT, WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)
POINTER = BYTE.as_pointer()
NOTHING = ir.Constant(POINTER, None)
HEAD = 48  # bytes of a record: how often used, what to call at the end and with what, data, size, whose


def write_memory(module: ir.Module) -> None:
    """Write what arrays and lists need that a kernel makes: memory from the C library, counted as numba counts."""
    expected = [WORD, POINTER, POINTER, POINTER, WORD]
    record = nrtdynmod._meminfo_struct_type  # noqa: SLF001 - seen to be what is written here
    if [str(part) for part in record.elements] != [str(part) for part in expected]:
        msg = "numba keeps memory in another form"
        raise Unkept(msg)
    malloc = ir.Function(module, ir.FunctionType(POINTER, [WORD]), "malloc")
    free = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), "free")
    builder, size = _function(module, "NRT_Allocate", POINTER, WORD)
    builder.ret(builder.call(malloc, [size]))
    builder, place = _function(module, "NRT_Free", ir.VoidType(), POINTER)
    builder.call(free, [place])
    builder.ret_void()
    builder, size, align = _function(module, "NRT_MemInfo_alloc_aligned", POINTER, WORD, INT)
    _array(builder, malloc, size, builder.zext(align, WORD))
    builder, size = _function(module, "NRT_MemInfo_alloc", POINTER, WORD)
    _array(builder, malloc, size, ir.Constant(WORD, 16))
    drop = _drop(module, free)
    builder, word = _function(module, "release", ir.VoidType(), WORD)
    count = builder.inttoptr(word, WORD.as_pointer())
    before = builder.atomic_rmw("sub", count, ir.Constant(WORD, 1), ordering="seq_cst")
    with builder.if_then(builder.icmp_unsigned("==", before, ir.Constant(WORD, 1))):
        builder.call(drop, [builder.inttoptr(word, POINTER)])
    builder.ret_void()
    _lists(module, malloc, free)


def _function(module: ir.Module, name: str, answer: ir.Type, *given: ir.Type) -> tuple[ir.IRBuilder, Any]:
    function = ir.Function(module, ir.FunctionType(answer, given), name)
    return ir.IRBuilder(function.append_basic_block()), *function.args


def _fill(builder: ir.IRBuilder, room: ir.Value, values: list[ir.Value]) -> None:
    for number, value in enumerate(values):
        place = builder.gep(builder.bitcast(room, POINTER), [ir.Constant(WORD, 8 * number)])
        builder.store(value, builder.bitcast(place, value.type.as_pointer()))


def _array(builder: ir.IRBuilder, malloc: ir.Function, size: ir.Value, align: ir.Value) -> None:
    """Make a record and the memory that it counts, in one piece."""
    room = builder.call(malloc, [builder.add(builder.add(size, align), ir.Constant(WORD, HEAD))])
    with builder.if_then(cgutils.is_null(builder, room), likely=False):
        builder.ret(room)
    start = builder.add(builder.ptrtoint(room, WORD), ir.Constant(WORD, HEAD - 1))
    start = builder.mul(builder.udiv(builder.add(start, align), align), align)
    _fill(
        builder,
        room,
        [ir.Constant(WORD, 1), NOTHING, NOTHING, builder.inttoptr(start, POINTER), size, NOTHING],
    )
    builder.ret(room)


def _drop(module: ir.Module, free: ir.Function) -> ir.Function:
    """Give a record back, after what it asks to be called first."""
    builder, record = _function(module, "NRT_MemInfo_call_dtor", ir.VoidType(), POINTER)
    last = builder.load(_field(builder, record, 1))
    with builder.if_then(cgutils.is_not_null(builder, last)):
        kind = ir.FunctionType(ir.VoidType(), [POINTER, WORD, POINTER])
        data, size, more = (builder.load(_field(builder, record, number)) for number in (3, 4, 2))
        builder.call(builder.bitcast(last, kind.as_pointer()), [data, builder.ptrtoint(size, WORD), more])
    builder.call(free, [record])
    builder.ret_void()
    return builder.function


def _field(builder: ir.IRBuilder, record: ir.Value, number: int) -> ir.Value:
    place = builder.gep(record, [ir.Constant(WORD, 8 * number)])
    return builder.bitcast(place, POINTER.as_pointer())


def _lists(module: ir.Module, malloc: ir.Function, free: ir.Function) -> None:
    """Write what grows: a record beside its memory, which may move."""
    builder, data, _, more = _function(module, "hybridx_varsize_dtor", ir.VoidType(), POINTER, WORD, POINTER)
    with builder.if_then(cgutils.is_not_null(builder, more)):
        kind = ir.FunctionType(ir.VoidType(), [POINTER])
        builder.call(builder.bitcast(more, kind.as_pointer()), [data])
    builder.call(free, [data])
    builder.ret_void()
    last = builder.function

    builder, size, more = _function(module, "NRT_MemInfo_new_varsize_dtor", POINTER, WORD, POINTER)
    data, room = builder.call(malloc, [size]), builder.call(malloc, [ir.Constant(WORD, HEAD)])
    lost = builder.or_(cgutils.is_null(builder, data), cgutils.is_null(builder, room))
    with builder.if_then(lost, likely=False):
        builder.call(free, [data])
        builder.call(free, [room])
        builder.ret(NOTHING)
    _fill(builder, room, [ir.Constant(WORD, 1), builder.bitcast(last, POINTER), more, data, size, NOTHING])
    builder.ret(room)

    realloc = ir.Function(module, ir.FunctionType(POINTER, [POINTER, WORD]), "realloc")
    builder, record, size = _function(module, "NRT_MemInfo_varsize_realloc", POINTER, POINTER, WORD)
    data = builder.call(realloc, [builder.load(_field(builder, record, 3)), size])
    with builder.if_then(cgutils.is_not_null(builder, data)):
        builder.store(data, _field(builder, record, 3))
        builder.store(builder.inttoptr(size, POINTER), _field(builder, record, 4))
    builder.ret(data)


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
