"""The text form: what it looks like, that it is exact, and that nothing hostile gets through."""

import numpy as np
import pytest

from graphc.ir import dtypes
from graphc.ir.dims import UNKNOWN, floordiv, maximum, mod, symbol
from graphc.ir.equality import function_difference, graph_difference
from graphc.ir.gradients import gradients
from graphc.ir.graph import Graph
from graphc.ir.interpreter import run_function
from graphc.ir.passes import DEFAULT_PIPELINE, PassPipeline
from graphc.ir.text import (
    attribute_text,
    operation_text,
    parse_function,
    parse_graph,
    print_function,
    print_graph,
)
from graphc.ir.text_values import ParseError, Scanner
from tests.ir.helpers import compile_graph, placeholder


def model() -> Graph:
    graph = Graph()
    graph.seed = 5
    x = placeholder(graph, (None, 4))
    with graph.name_scope("layer"), graph.device("/gpu:0"):
        w = graph.op("VariableV2", dtype=dtypes.float32, shape=(4, 2), name="w")
        read = graph.op("Identity", w, name="w/read", _alias=True)
        h = graph.op("Tanh", graph.op("MatMul", x, read))
    big = graph.constant(np.arange(1000, dtype=np.float32), name="big")
    with graph.control_dependencies([h.op]):
        graph.op("NoOp", name="after")
    gradients(graph.op("Sum", h, graph.constant([0, 1])), [w])
    graph.op("Unpack", big, num=1000, axis=0)
    return graph


def test_graphs_read_back() -> None:
    graph, constants = model(), {}
    text = print_graph(graph, constants)
    assert len(constants) == 1
    again = parse_graph(text, constants)
    assert graph_difference(graph, again) is None
    assert print_graph(again) == text
    with again.name_scope("layer"):
        assert again.op("Identity", again.operations[0].outputs[0]).op.name == "layer_1/Identity"


def test_functions_read_back_and_run() -> None:
    graph = Graph()
    x, z = placeholder(graph, (None, 4)), placeholder(graph, (None, 4), name="z")
    ref = graph.op("VariableV2", dtype=dtypes.float32, shape=(), name="v")
    write = graph.op("AssignAdd", ref, graph.op("Sum", x + z, graph.constant([0, 1])))
    count = graph.op("Cast", graph.op("Sum", x, graph.constant([0, 1])), DstT=dtypes.int32)
    ones = graph.op("Fill", graph.op("Pack", count), graph.constant(1.0))
    feeds = {x: np.ones((2, 4), np.float32), z: np.ones((2, 4), np.float32)}
    variables = {"v": np.float32(1)}
    function = compile_graph([write, ones], feeds, variables)
    for stage in (function, PassPipeline.parse(DEFAULT_PIPELINE).run(function)):
        constants: dict = {}
        text = print_function(stage, constants)
        again = parse_function(text, constants)
        assert function_difference(stage, again) is None
        assert print_function(again) == text
        named = {t.name: a for t, a in feeds.items()}
        results = run_function(again, named, variables)
        assert results.updates == {"v": 17.0}
        assert results.results[1].tolist() == [1.0] * 8


def test_a_line() -> None:
    graph = Graph()
    x = placeholder(graph, (None, 4))
    y = graph.op("Relu", x, name="r")
    y.op.source = ("train.py", 12, "model")
    assert operation_text(y.op) == '%1 = Relu(%0) : float32[?,4] "r" // train.py:12, in model'


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, 0, -7, 2**63, 0.1, -0.0, 1e300, float("inf"), -float("inf"),
        "", 'a"\\\n//', "ü√\u2028", b"\x00\xffab", dtypes.float32, UNKNOWN, symbol("s0"),
        (), (1,), (1, (2.5, "x")), [], [1, 2],
        {"a": 1, "b c": (2,)}, floordiv(symbol("s0") * 2 - 3, 4) * symbol("b"),
        maximum(mod(symbol("a"), 3), symbol("b") - 1) - 5,
        np.array(2.5), np.array([[1, -2]], np.int8), np.array([True, False]), np.zeros((0, 3)),
        np.array([0.1, -0.0, np.inf, 1e-45], np.float32), np.array([np.nan, 1.0]),
        np.array([2**63], np.uint64),
        np.array([b"a\n", b"\xff"], object), np.arange(100),
    ],
    ids=repr,
)  # fmt: skip
def test_attributes_read_back(value: object) -> None:
    from graphc.ir.equality import attribute_key

    constants: dict = {}
    text = attribute_text(value, constants)
    assert "\n" not in text
    scanner = Scanner(text, constants)
    again = scanner.attribute()
    scanner.end()
    assert attribute_key(again) == attribute_key(value)


@pytest.mark.parametrize(
    "source", [("a b.py", 1, "f"), ("x:3, in y.py", 2, "<module>"), ("a\nb", 3, "")]
)
def test_sources_read_back(source: tuple[str, int, str]) -> None:
    graph = Graph()
    placeholder(graph, ()).op.source = source
    again = parse_graph(print_graph(graph))
    assert again.operations[0].source == source


HEADER = "graphc.graph v1\n"
CONST = HEADER + "%0 = Const() {value = "
X = '%0 = Placeholder() {dtype = <float32>, shape = (2,)} : float32[2] "x"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the first line must be"),
        ("graphc.graph v2\n", "line 1: the first line"),
        ("graphc.function v1\n", "line 1: the first line"),
        (HEADER + "nonsense", "line 2: '%' is wanted"),
        (HEADER + "%1 = NoOp() : () \"n\"", "line 2: %1 stands where %0 is due"),
        (HEADER + "%0 = Foo() : () \"n\"", "unknown operation type 'Foo'"),
        (HEADER + X + '%1 = Neg(%1) : float32[2] "n"', "line 3: %1 is not defined"),
        (HEADER + X + '%1 = Neg(%0:1) : float32[2] "n"', "has 1 results"),
        (HEADER + X + '%1 = Neg(%0, %0) : float32[2] "n"', "takes 1 inputs"),
        (HEADER + X + '%1 = Neg(%0) : float32[3] "n"', "the text says"),
        (HEADER + X + '%1 = Neg(%0) : float64[2] "n"', "the text says"),
        (HEADER + X + '%1 = Neg(%0) : float32[s0] "n"', "the text says"),
        (HEADER + X + '%1 = Neg(%0) : float32[2] "x"', "taken or not valid"),
        (HEADER + X + '%1 = Neg(%0) : float32[2] "../;"', "not a valid"),
        (HEADER + X + '%1 = Neg(%0) {foo = 1} : float32[2] "n"', "unknown attribute 'foo'"),
        (HEADER + X + '%1 = Neg(%0) : float32[2] "n" role(king)', "unknown role"),
        (HEADER + X + '%1 = Neg(%0) : float32[2] "n" after(%7)', "not defined"),
        (HEADER + X + '%1 = Neg(%0) : float32[2] "n" more', "end of the line"),
        (HEADER + X + '%1 = Neg(%0) : float32[2] "n" // here', "file:line"),
        (HEADER + '%0 = Placeholder() {dtype = <float99>} : float32[2] "x"', "unknown dtype"),
        (HEADER + '%0 = Placeholder() {dtype = 1} : float32[2] "x"', "is no dtype"),
        (HEADER + '%0 = Placeholder() {shape = (2,)} : float32[2] "x"', "'dtype' is required"),
        (CONST + 'opaque("f")} : float32[] "x"', "no text form"),
        (CONST + f'{"(" * 99}}} : float32[] "x"', "nested deeper"),
        (CONST + 'array<int8[2]>(1)} : int8[2] "x"', "1 elements"),
        (CONST + 'array<int8[1]>(128)} : int8[1] "x"', "does not fit"),
        (CONST + 'array<int8[1]>(true)} : int8[1] "x"', "no element"),
        (CONST + 'array<int8[-1]>()} : int8[1] "x"', "cannot have"),
        (CONST + 'array<int8[9999999999999999999]>(#)} : int8[1] "x"', "hexadecimal"),
        (CONST + 'array<int8[1]>(#0)} : int8[1] "x"', "hexadecimal"),
        (CONST + 'array<string[1]>(#00)} : string[1] "x"', "hexadecimal"),
        (CONST + 'array<int8[999]>(@00ff)} : int8[999] "x"', "not among those"),
        (HEADER + f"%0 = NoOp() : () \"{'a' * (1 << 20)}\"", "characters"),
        (HEADER + '%0 = NoOp() : () "\\x"', "cannot read the text"),
        (HEADER + '%0 = NoOp() : () "open', "cannot read"),
        (HEADER + "seed " + "9" * 39, "too large"),
    ],
)  # fmt: skip
def test_wrong_graphs_are_refused(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parse_graph(text)


def test_damaged_constants_are_refused() -> None:
    graph, constants = Graph(), {}
    graph.constant(np.arange(100))
    text = print_graph(graph, constants)
    (name,) = constants
    with pytest.raises(ParseError, match="damaged"):
        parse_graph(text, {name: np.arange(100) + 1})
    with pytest.raises(ParseError, match="damaged"):
        parse_graph(text, {name: np.arange(100, dtype=np.float64)})


FUNCTION = 'graphc.function v1 "main"\n'
BYTES = FUNCTION + "%0 = Const() {value = array<int8[1]>(1)} : int8"
FLOAT = FUNCTION + "%0 = Placeholder() {dtype = <float32>} : float32"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("graphc.function v1", "a text in quotation marks"),
        (FUNCTION + "forget %0", "unknown statement 'forget'"),
        (FUNCTION + "symbol s0 = 3\nsymbol s0 = 4", "declared twice"),
        (FUNCTION + "guard s0 > 3", "a relation"),
        (FUNCTION + "guard floordiv(s0, 0) == 3", "divided by zero"),
        (FUNCTION + "guard sqrt(s0) == 3", "unknown function of sizes"),
        (BYTES + '[2] "c"', "cannot have type"),
        (BYTES + '[1] "c"\nresult %1', "not defined"),
        (FUNCTION + '%0 = Placeholder() {dtype = <int8>} : int8[q] "c"\nresult %0', "has no hint"),
        (FUNCTION + '%0 = Placeholder() {dtype = <int8>} : int8[?] "c"\nresult %0', "not concrete"),
        (FLOAT + '[] "c"\nsize m0 = %0[0]', "not from integers"),
    ],
)  # fmt: skip
def test_wrong_functions_are_refused(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parse_function(text)


def test_differences_are_told() -> None:
    one, two = model(), model()
    assert graph_difference(one, two) is None
    two.operations[1].attrs = {**two.operations[1].attrs, "container": "c"}
    assert "attributes differ" in str(graph_difference(one, two))
    three = model()
    three.op("NoOp")
    assert "one has" in str(graph_difference(one, three))
    four = model()
    four.operations[1].name = "other"
    assert "names differ" in str(graph_difference(one, four))
    assert graph_difference(one, four, names=False) is None
