"""Every operation that TensorFlow has too, on the registry's samples: results, gradients of first
and (in float64) second order, and whether there is a gradient at all.

What TensorFlow refuses (dtypes without a kernel, gradients it lacks) is left out, but some case of
every operation must be compared. `DIFFERENCES` says where graphc means something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from graphc.ir import dtypes
from graphc.ir.graph import OpDef
from tests.peers.operations import Array, Outcome, RefusedError, both, definition_of
from tests.registry.samples import Case, assert_close, cases, naming, sampled

pytestmark = pytest.mark.peers("tensorflow")

# What graphc is made of beside TensorFlow's operations.
OWN = frozenset({
    "ArgMaxInt64", "ArgMinInt64", "BroadcastToShapeOf", "ChooseDiagonal", "Convolution",
    "ConvolutionFilter", "DimValues", "DropNegative", "ExpandReduced", "ExtractImagePatchesGrad",
    "GatherGrad", "GroupReduced", "LinSpaceOf", "LogicalXor", "MatrixDiagLike", "NeighbourRows",
    "NeighbourSum", "OneHotAlong", "PadWith", "RandomGumbel", "RandomPermutation", "ReducedSize",
    "ReshapeToShapeOf", "Sequence", "SumToShapeOf", "TensorScatterDiv", "TensorScatterMul",
    "TrueDiv", "Trunc", "UngroupReduced", "WindowCounts", "WindowShares", "Windows",
    "ZeroWhereNegative",
    "SortKey", "TopKIndices",
})  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """Where graphc differs from TensorFlow, and why.

    `order` is 0 for results, else that of the gradient; `operands` are those whose gradients
    differ, the cotangents counted after the operands (None: all); so are `samples`.
    """

    operation: str
    order: int
    reason: str
    samples: tuple[int, ...] | None = None
    operands: tuple[int, ...] | None = None

    def covers(self, case: Case, order: int, operand: int) -> bool:
        return (
            (self.operation, self.order) == (case.definition.name, order)
            and (self.samples is None or case.number in self.samples)
            and (self.operands is None or operand in self.operands)
        )


_ONE_TERM = "TensorFlow leaves out that `backprop` falls with the labels"
_STATISTICS = "TensorFlow lets no gradient through the statistics that are given out, or given"
_OF_NOTHING = "TensorFlow spreads what is reduced over nothing before it divides by zero"
_UNWRITTEN = "TensorFlow leaves the filter's cotangent of an empty batch as memory was"

DIFFERENCES = (
    *(
        Difference(f"FusedBatchNorm{version}", order, _STATISTICS)
        for version in ("", "V2", "V3")
        for order in (1, 2)
    ),
    Difference("DepthwiseConv2dNative", 1, _UNWRITTEN, samples=(5,)),
    Difference("DepthwiseConv2dNative", 2, _UNWRITTEN, samples=(5,)),
    Difference("DepthwiseConv2dNativeBackpropFilter", 0, _UNWRITTEN, samples=(5,)),
    Difference("DepthwiseConv2dNativeBackpropFilter", 2, _UNWRITTEN, samples=(5,)),
    Difference("DepthwiseConv2dNativeBackpropInput", 1, _UNWRITTEN, samples=(5,)),
    Difference("DepthwiseConv2dNativeBackpropInput", 2, _UNWRITTEN, samples=(5,)),
    Difference("PadV2", 1, "TensorFlow has no gradient by the constant", operands=(1,)),
    Difference("PadV2", 2, "TensorFlow has no gradient by the constant"),
    Difference("SoftmaxCrossEntropyWithLogits", 1, _ONE_TERM, operands=(1,)),
    Difference("SoftmaxCrossEntropyWithLogits", 2, _ONE_TERM),
    Difference("EuclideanNorm", 2, _OF_NOTHING, samples=(7,)),
    Difference("Max", 2, _OF_NOTHING, samples=(13,)),
    Difference("Mean", 2, _OF_NOTHING, samples=(7,)),
    Difference("Min", 2, _OF_NOTHING, samples=(13,)),
    Difference("Prod", 2, "TensorFlow's is wrong beside elements that are 0", samples=(8,)),
    Difference("ResizeBilinearGrad", 1, "TensorFlow has no gradient of this gradient"),
    Difference("TensorScatterMax", 1, "an operation of TensorFlow 2: no gradient here"),
    Difference("TensorScatterMin", 1, "an operation of TensorFlow 2: no gradient here"),
)

# Multiples of the tolerance of a case in float64.
LOOSER = {
    "LeakyRelu": 2.0**24,  # alpha is a float32 in TensorFlow, whatever the operand is
    "LeakyReluGrad": 2.0**24,
    "Prod": 100.0,  # TensorFlow divides where graphc multiplies
}


@pytest.mark.parametrize(
    "definition", [d for d in sampled() if d.name not in OWN], ids=lambda d: d.name
)
def test_operation(definition: OpDef, tensorflow: Any) -> None:
    if definition.name == "Const":
        return  # nothing is computed
    compared = 0
    for case in cases(definition):
        with naming(case):
            try:
                ours, theirs = both(tensorflow, case)
            except RefusedError:
                continue
            compare(case, ours, theirs)
            compared += 1
    assert compared, "TensorFlow refuses every sample"


def test_own_operations(tensorflow: Any) -> None:
    found = {d.name for d in sampled() if definition_of(d.name) is None}
    assert found == OWN & {d.name for d in sampled()}


def compare(case: Case, ours: Outcome, theirs: Outcome) -> None:
    """Hold our outcome to theirs."""
    if case.definition.effect == "random":
        for a, b in zip(ours.results, theirs.results, strict=True):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
        return
    for number, (a, b) in enumerate(zip(ours.results, theirs.results, strict=True)):
        if differs(case, 0, number):
            continue
        if case.definition.name == "Cast":
            a, b = a[within(case, b)], b[within(case, b)]
        if case.definition.name != "Round" or a.dtype.kind == "f":  # theirs gives 0 for integers
            assert_close(a, b, tolerance(case), "result")
    if differs(case, 1, 0) and case.definition.name.startswith("TensorScatter"):
        return
    assert len(ours.orders) >= len(theirs.orders), "there is no gradient"
    for order, (left, right) in enumerate(zip(ours.orders, theirs.orders, strict=False), 1):
        for operand, (x, y) in enumerate(zip(left, right, strict=False)):
            if differs(case, order, operand):
                continue
            what = f"order {order}, operand {operand}"
            assert (x is None) == (y is None), f"{what}: ours is {x}, theirs {y}"
            if x is not None:
                assert_close(x, y, tolerance(case), what)


def differs(case: Case, order: int, operand: int) -> bool:
    return any(difference.covers(case, order, operand) for difference in DIFFERENCES)


def tolerance(case: Case) -> float:
    """The sample's, and what float64 needs beyond it."""
    more = LOOSER.get(case.definition.name, 1.0) if case.dtype is dtypes.float64 else 1.0
    return case.sample.tolerance * more


def within(case: Case, result: Array) -> Array:
    """Where a float fits the integer that it is cast to: else TensorFlow gives what the processor
    does, graphc the nearest integer there is.
    """
    (array,) = case.arrays()
    if array.dtype.kind != "f" or result.dtype.kind not in "iu":
        return np.ones(array.shape, bool)
    target = dtypes.as_dtype(result.dtype)
    whole = np.trunc(array.astype(np.float64))
    return np.asarray((whole >= float(target.min)) & (whole < float(target.max)))
