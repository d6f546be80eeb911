"""Make of what numba compiled a piece of machine code that needs neither numba nor Python to run.

numba's own functions build the two ends (arguments in, answer out) in its intermediate language, so that what they are
made of is its affair; the kernel between them is what numba has optimised, to the last bit. What the result may ask of
the process is the C library's memory and elementary functions. Anything else, and the kernel stays with numba.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.compiler_lock import global_compiler_lock
from numba.np.arrayobj import populate_array

from hybridx.compute.kernel_files import Unkept
from hybridx.compute.machine_code import Form
from hybridx.compute.machine_runtime import write_memory, write_reshape

__all__ = ["export"]

INT, WORD = ir.IntType(32), ir.IntType(64)
# where numpy's record of an array has its data, shape and strides: fixed since its version 1.0
DATA, SHAPE, STRIDES = 16, 32, 40
# what the C library of every process has
ELEMENTARY = (
    "acos asin atan atan2 cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs floor fma fmod hypot ldexp log "
    "log10 log1p log2 nearbyint pow rint round sin sinh sqrt tan tanh trunc"
)
# what the C library of every process has
KNOWN = {"malloc", "realloc", "free", "memcpy", "memmove", "memset", "memcmp"} | {
    name + more for name in ELEMENTARY.split() for more in ("", "f")
}

# where numba looks up what Python's objects are made of; without it, it raises a RuntimeError
ENVIRONMENT = "_ZN08NumbaEnv"
# only to say which shapes do not fit, when they do not
SHAPES = "ol_raise_with_shape_context"
RAISING = {
    "PyErr_SetString",
    "PyExc_RuntimeError",
    "PyObject_Hash",
    "PyTuple_Pack",
    "PyUnicode_FromKindAndData",
}


def export(dispatcher: Any, given: tuple[Any, ...]) -> tuple[bytes, Form]:
    """Compile, or take from numba's cache, what these arguments need, and cut it loose.

    Parameters
    ----------
    dispatcher : numba dispatcher
        The function.
    given : tuple
        Its arguments.

    Returns
    -------
    tuple
        An object file with the functions ``enter`` and ``release``, and what it answers.

    Raises
    ------
    Unkept
        The kernel needs more than the C library, or does not compile (numba says why when it is called).
    """
    try:
        with global_compiler_lock:
            return _exported(dispatcher, tuple(dispatcher.typeof_pyval(one) for one in given))
    except Unkept:
        raise
    except Exception as error:  # another version of numba is put together in another way
        raise Unkept(str(error)) from error


def _exported(dispatcher: Any, signature: tuple[Any, ...]) -> tuple[bytes, Form]:
    dispatcher.compile(signature)
    overload = dispatcher.overloads[signature]
    context, library = overload.target_context, overload.library
    answer = _form(overload.fndesc.restype)
    ends = context.codegen()._create_empty_module("ends")  # noqa: SLF001 - there is no other way in
    _enter(ends, context, overload.fndesc)
    write_memory(ends)
    write_reshape(ends)
    module = llvm.parse_bitcode(library._get_module_for_linking().as_bitcode())  # noqa: SLF001
    module.link_in(llvm.parse_assembly(str(ends)))
    _strip(module, context.codegen()._tm)  # noqa: SLF001
    module.verify()
    return context.codegen()._tm.emit_object(module), Form(answer)  # noqa: SLF001


def _strip(module: Any, machine: Any) -> None:
    """Keep the two functions and what they call, and see that nothing else is asked of the process."""
    for thing in (*module.functions, *module.global_variables):
        if not thing.is_declaration:
            thing.linkage = "external" if thing.name in ("enter", "release") else "internal"
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
    wanted = {
        thing.name
        for thing in module.functions
        if thing.is_declaration and not thing.name.startswith("llvm.")
    }
    things = {thing.name: thing.is_declaration for thing in module.global_variables}
    wanted |= {name for name, declared in things.items() if declared or name.startswith(ENVIRONMENT)}
    if any(SHAPES in name for name in wanted):  # a part of an array is set to another array
        wanted = {name for name in wanted if name not in RAISING and SHAPES not in name}
    if wanted - KNOWN:
        msg = f"needs {sorted(wanted - KNOWN)}"
        raise Unkept(msg)


def _form(kind: Any) -> list[Any]:
    if isinstance(kind, types.NoneType):
        return ["none"]
    if isinstance(kind, types.Boolean):
        return ["bool"]
    if isinstance(kind, types.Integer):
        return ["int" if kind.signed else "uint"]
    if isinstance(kind, types.Float):
        return ["float"]
    if isinstance(kind, types.BaseTuple):
        return ["tuple", [_form(part) for part in kind.types]]
    if type(kind) is types.Array and isinstance(kind.dtype, types.Number | types.Boolean):
        from numba.np.numpy_support import as_dtype  # noqa: PLC0415 - of use here only

        return ["array", as_dtype(kind.dtype).str, kind.ndim]
    msg = f"answers {kind}"
    raise Unkept(msg)


def _enter(module: ir.Module, context: Any, described: Any) -> None:
    """Write ``int enter(words in, words out)``."""
    enter = ir.Function(module, ir.FunctionType(INT, [WORD.as_pointer(), WORD.as_pointer()]), "enter")
    builder = ir.IRBuilder(enter.append_basic_block())
    words = _Words(context, builder, *enter.args)
    arguments = [words.take(kind) for kind in described.argtypes]
    kernel = ir.Function(
        module,
        context.call_conv.get_function_type(described.restype, described.argtypes),
        described.llvm_func_name,
    )
    status, answer = context.call_conv.call_function(
        builder, kernel, described.restype, described.argtypes, arguments, attrs=("noinline",)
    )
    with builder.if_then(status.is_error, likely=False):
        with builder.if_then(cgutils.is_not_null(builder, status.excinfoptr)):
            said = builder.load(status.excinfoptr)
            words.put(builder.ptrtoint(builder.extract_value(said, 0), WORD))
            words.put(builder.zext(builder.extract_value(said, 1), WORD))
        builder.ret(ir.Constant(INT, 1))
    words.given = 0
    if not isinstance(described.restype, types.NoneType):
        words.give(described.restype, answer)
    builder.ret(ir.Constant(INT, 0))


class _Words:
    """Values of numba's kinds from words, and words from values."""

    def __init__(self, context: Any, builder: ir.IRBuilder, source: ir.Value, target: ir.Value) -> None:
        self.context, self.builder = context, builder
        self.source, self.target = source, target
        self.taken = self.given = 0

    def word(self) -> ir.Value:
        place = self.builder.gep(self.source, [ir.Constant(WORD, self.taken)])
        self.taken += 1
        return self.builder.load(place)

    def put(self, word: ir.Value) -> None:
        self.builder.store(word, self.builder.gep(self.target, [ir.Constant(WORD, self.given)]))
        self.given += 1

    def take(self, kind: Any) -> ir.Value:
        context, builder = self.context, self.builder
        if isinstance(kind, types.BaseTuple):
            return context.make_tuple(builder, kind, [self.take(part) for part in kind.types])
        if type(kind) is types.Array:
            return self._array(kind, self.word())
        wanted = context.get_value_type(kind)
        if isinstance(kind, types.Float):
            wide = builder.bitcast(self.word(), ir.DoubleType())
            return wide if kind.bitwidth == 64 else builder.fptrunc(wide, wanted)
        if isinstance(kind, types.Boolean | types.Integer):
            return self.word() if wanted == WORD else builder.trunc(self.word(), wanted)
        msg = f"is given {kind}"
        raise Unkept(msg)

    def _array(self, kind: Any, where: ir.Value) -> ir.Value:
        context, builder = self.context, self.builder

        def field(offset: int, kept: ir.Type) -> ir.Value:
            place = builder.add(where, ir.Constant(WORD, offset))
            return builder.load(builder.inttoptr(place, kept.as_pointer()))

        array = context.make_array(kind)(context, builder)
        sides = [field(offset, WORD.as_pointer()) for offset in (SHAPE, STRIDES)]
        shape, strides = (
            [builder.load(builder.gep(side, [ir.Constant(WORD, axis)])) for axis in range(kind.ndim)]
            for side in sides
        )
        size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
        populate_array(
            array,
            data=field(DATA, array.data.type),
            shape=shape,
            strides=strides,
            itemsize=ir.Constant(WORD, size),
            meminfo=None,
        )
        return array._getvalue()  # noqa: SLF001 - numba's own name for it

    def give(self, kind: Any, value: ir.Value) -> None:
        context, builder = self.context, self.builder
        if isinstance(kind, types.BaseTuple):
            for number, part in enumerate(kind.types):
                self.give(part, builder.extract_value(value, number))
        elif isinstance(kind, types.Array):
            array = context.make_array(kind)(context, builder, value)
            self.put(builder.ptrtoint(array.meminfo, WORD))
            self.put(builder.ptrtoint(array.data, WORD))
            for side in (array.shape, array.strides):
                for length in cgutils.unpack_tuple(builder, side, kind.ndim):
                    self.put(length)
        elif isinstance(kind, types.Float):
            self.put(
                builder.bitcast(builder.fpext(value, ir.DoubleType()) if kind.bitwidth < 64 else value, WORD)
            )
        else:
            signed = isinstance(kind, types.Integer) and kind.signed
            wide = value.type.width == 64
            self.put(value if wide else (builder.sext if signed else builder.zext)(value, WORD))
