"""Cells: names and sharing of their variables, formulas against NumPy, wrappers, misuse."""

from typing import Any

import numpy as np
import pytest

import graphc as tf

RNG = np.random.default_rng(0)
Cells = tf.nn.rnn_cell


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def names() -> list[str]:
    return [v.name for v in tf.global_variables()]


def steps(count: int = 3, batch: int = 2, size: int = 4) -> list[np.ndarray]:
    return [RNG.normal(size=(batch, size)) for _ in range(count)]


def run(sess: tf.Session, cell: Any, inputs: list[np.ndarray], **arguments: Any) -> Any:
    """Outputs, last state and variables by name of an unrolled network in float64."""
    outputs, state = tf.nn.static_rnn(
        cell, [tf.constant(x) for x in inputs], dtype=tf.float64, **arguments
    )
    starts = [v.assign(RNG.normal(size=v.shape.as_list()) * 0.5) for v in tf.global_variables()]
    sess.run(starts)
    variables = {v.op.name.split("/", 1)[1]: v for v in tf.global_variables()}
    return sess.run([outputs, state, variables])


# ---------------------------------------------------------------------------------------- formulas


def test_basic_rnn_cell(sess: tf.Session) -> None:
    inputs = steps()
    outputs, state, v = run(sess, Cells.BasicRNNCell(3), inputs)
    h = np.zeros((2, 3))
    for x, output in zip(inputs, outputs, strict=True):
        h = np.tanh(
            np.concatenate([x, h], 1) @ v["basic_rnn_cell/kernel"] + v["basic_rnn_cell/bias"]
        )
        np.testing.assert_allclose(output, h, rtol=1e-6)
    np.testing.assert_allclose(state, h, rtol=1e-6)


def test_gru_cell(sess: tf.Session) -> None:
    inputs = steps()
    outputs, state, v = run(sess, Cells.GRUCell(3), inputs)
    h = np.zeros((2, 3))
    for x, output in zip(inputs, outputs, strict=True):
        gates = np.concatenate([x, h], 1) @ v["gru_cell/gates/kernel"] + v["gru_cell/gates/bias"]
        r, u = np.split(sigmoid(gates), 2, 1)
        joined = np.concatenate([x, r * h], 1)
        c = np.tanh(joined @ v["gru_cell/candidate/kernel"] + v["gru_cell/candidate/bias"])
        h = u * h + (1 - u) * c
        np.testing.assert_allclose(output, h, rtol=1e-6)
    np.testing.assert_allclose(state, h, rtol=1e-6)


@pytest.mark.parametrize("is_tuple", [True, False])
def test_basic_lstm_cell(sess: tf.Session, is_tuple: bool) -> None:
    inputs = steps()
    outputs, state, v = run(sess, Cells.BasicLSTMCell(3, 0.5, state_is_tuple=is_tuple), inputs)
    c = h = np.zeros((2, 3))
    for x, output in zip(inputs, outputs, strict=True):
        gates = np.concatenate([x, h], 1) @ v["basic_lstm_cell/kernel"] + v["basic_lstm_cell/bias"]
        i, j, f, o = np.split(gates, 4, 1)
        c = c * sigmoid(f + 0.5) + sigmoid(i) * np.tanh(j)
        h = np.tanh(c) * sigmoid(o)
        np.testing.assert_allclose(output, h, rtol=1e-6)
    if is_tuple:
        assert isinstance(state, Cells.LSTMStateTuple)
        state = np.concatenate(state, 1)
    np.testing.assert_allclose(state, np.concatenate([c, h], 1), rtol=1e-6)


def test_lstm_cell_with_everything(sess: tf.Session) -> None:
    inputs = steps()
    cell = Cells.LSTMCell(
        3, use_peepholes=True, cell_clip=0.4, num_proj=2, proj_clip=0.1, forget_bias=0.0
    )
    outputs, state, v = run(sess, cell, inputs)
    c, h = np.zeros((2, 3)), np.zeros((2, 2))
    w = {name.removeprefix("lstm_cell/"): value for name, value in v.items()}
    assert list(w) == ["kernel", "bias", "w_f_diag", "w_i_diag", "w_o_diag", "projection/kernel"]
    for x, output in zip(inputs, outputs, strict=True):
        gates = np.concatenate([x, h], 1) @ w["kernel"] + w["bias"]
        i, j, f, o = np.split(gates, 4, 1)
        c = sigmoid(f + w["w_f_diag"] * c) * c + sigmoid(i + w["w_i_diag"] * c) * np.tanh(j)
        c = np.clip(c, -0.4, 0.4)
        h = np.clip(sigmoid(o + w["w_o_diag"] * c) * np.tanh(c) @ w["projection/kernel"], -0.1, 0.1)
        np.testing.assert_allclose(output, h, rtol=1e-6)
    np.testing.assert_allclose(state.c, c, rtol=1e-6)
    np.testing.assert_allclose(state.h, h, rtol=1e-6)


def test_layer_norm_cell(sess: tf.Session) -> None:
    inputs = steps(1)
    outputs, _, v = run(sess, tf.contrib.rnn.LayerNormBasicLSTMCell(3), inputs)
    w = {name.removeprefix("layer_norm_basic_lstm_cell/"): value for name, value in v.items()}

    def normal(x: np.ndarray, scope: str) -> np.ndarray:
        scaled = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-12)
        return scaled * w[f"{scope}/gamma"] + w[f"{scope}/beta"]

    gates = np.split(np.concatenate([inputs[0], np.zeros((2, 3))], 1) @ w["kernel"], 4, 1)
    scopes = ("input", "transform", "forget", "output")
    i, j, _, o = (normal(gate, scope) for gate, scope in zip(gates, scopes, strict=True))
    c = normal(sigmoid(i) * np.tanh(j), "state")
    np.testing.assert_allclose(outputs[0], np.tanh(c) * sigmoid(o), rtol=1e-6)


# ------------------------------------------------------------------------------- names and sharing


def inputs_of(count: int = 2, size: int = 4) -> list[Any]:
    return [tf.placeholder(tf.float32, [None, size]) for _ in range(count)]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: Cells.BasicRNNCell(3), ["basic_rnn_cell/kernel", "basic_rnn_cell/bias"]),
        (lambda: Cells.BasicLSTMCell(3), ["basic_lstm_cell/kernel", "basic_lstm_cell/bias"]),
        (lambda: Cells.BasicLSTMCell(3, name="mine"), ["mine/kernel", "mine/bias"]),
        (
            lambda: Cells.GRUCell(3),
            ["gru_cell/gates/kernel", "gru_cell/gates/bias", "gru_cell/candidate/kernel",
             "gru_cell/candidate/bias"],
        ),
        (
            lambda: Cells.DropoutWrapper(Cells.LSTMCell(4), 0.5),
            ["lstm_cell/kernel", "lstm_cell/bias"],
        ),
        (
            lambda: Cells.ResidualWrapper(Cells.BasicRNNCell(4)),
            ["basic_rnn_cell/kernel", "basic_rnn_cell/bias"],
        ),
        (
            lambda: Cells.MultiRNNCell([Cells.LSTMCell(3), Cells.GRUCell(2)]),
            ["multi_rnn_cell/cell_0/lstm_cell/kernel", "multi_rnn_cell/cell_0/lstm_cell/bias",
             "multi_rnn_cell/cell_1/gru_cell/gates/kernel",
             "multi_rnn_cell/cell_1/gru_cell/gates/bias",
             "multi_rnn_cell/cell_1/gru_cell/candidate/kernel",
             "multi_rnn_cell/cell_1/gru_cell/candidate/bias"],
        ),
        (
            lambda: tf.contrib.rnn.OutputProjectionWrapper(Cells.BasicRNNCell(3), 2),
            ["output_projection_wrapper/basic_rnn_cell/kernel",
             "output_projection_wrapper/basic_rnn_cell/bias",
             "output_projection_wrapper/kernel", "output_projection_wrapper/bias"],
        ),
        (
            lambda: tf.contrib.rnn.InputProjectionWrapper(Cells.BasicRNNCell(3), 2),
            ["input_projection_wrapper/kernel", "input_projection_wrapper/bias",
             "input_projection_wrapper/basic_rnn_cell/kernel",
             "input_projection_wrapper/basic_rnn_cell/bias"],
        ),
        (
            lambda: tf.contrib.rnn.AttentionCellWrapper(Cells.BasicRNNCell(3), 2),
            ["attention_cell_wrapper/kernel", "attention_cell_wrapper/bias",
             "attention_cell_wrapper/basic_rnn_cell/kernel",
             "attention_cell_wrapper/basic_rnn_cell/bias",
             "attention_cell_wrapper/attention/attn_w",
             "attention_cell_wrapper/attention/attn_v",
             "attention_cell_wrapper/attention/kernel",
             "attention_cell_wrapper/attention/bias",
             "attention_cell_wrapper/attn_output_projection/kernel",
             "attention_cell_wrapper/attn_output_projection/bias"],
        ),
    ],
)  # fmt: skip
def test_names(make: Any, expected: list[str]) -> None:
    cell = make()
    tf.nn.static_rnn(cell, inputs_of(), dtype=tf.float32)
    assert names() == [f"rnn/{name}:0" for name in expected]
    assert len(cell.trainable_variables) == len(expected)


def test_a_cell_called_directly_uses_the_current_scope() -> None:
    cell = Cells.BasicLSTMCell(3)
    state = cell.zero_state(2, tf.float32)
    with tf.variable_scope("decoder"):
        for _ in range(2):
            _, state = cell(tf.zeros([2, 4]), state)
    assert names() == ["decoder/basic_lstm_cell/kernel:0", "decoder/basic_lstm_cell/bias:0"]
    assert cell.scope_name == "decoder/basic_lstm_cell"
    assert [v.name for v in cell.weights] == names()
    other = Cells.BasicLSTMCell(3)
    other(tf.zeros([2, 4]), other.zero_state(2, tf.float32))
    other = Cells.BasicLSTMCell(3)
    other(tf.zeros([2, 4]), other.zero_state(2, tf.float32))
    assert names()[2::2] == ["basic_lstm_cell/kernel:0", "basic_lstm_cell_1/kernel:0"]


def test_reuse() -> None:
    with tf.variable_scope("a"):
        tf.nn.static_rnn(Cells.GRUCell(3), inputs_of(), dtype=tf.float32)
    with tf.variable_scope("a"), pytest.raises(ValueError, match="already exists, disallowed"):
        tf.nn.static_rnn(Cells.GRUCell(3), inputs_of(), dtype=tf.float32)
    made = names()
    with tf.variable_scope("a", reuse=True):
        tf.nn.static_rnn(Cells.GRUCell(3), inputs_of(), dtype=tf.float32)
    with tf.variable_scope("a", reuse=tf.AUTO_REUSE):
        tf.nn.static_rnn(Cells.GRUCell(3), inputs_of(), dtype=tf.float32)
    with tf.variable_scope("a"):
        tf.nn.static_rnn(Cells.GRUCell(3, reuse=tf.AUTO_REUSE), inputs_of(), dtype=tf.float32)
    assert names() == made
    with tf.variable_scope("b"), pytest.raises(ValueError, match="does not exist"):
        tf.nn.static_rnn(Cells.GRUCell(3, reuse=True), inputs_of(), dtype=tf.float32)


class Own(Cells.RNNCell):
    """A cell as users write them, which never calls the constructor."""

    def __init__(self, size: int) -> None:
        self._size = size

    @property
    def state_size(self) -> int:
        return self._size

    @property
    def output_size(self) -> int:
        return self._size

    def call(self, inputs: Any, state: Any) -> Any:
        width = int(inputs.shape[1])
        w = tf.get_variable("w", [width, self._size])
        u = tf.get_variable("u", [self._size, self._size])
        output = tf.nn.relu(tf.matmul(inputs, w) + tf.matmul(state, u))
        return output, output


class Old(Own):
    """The older form, with a scope of its own."""

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        with tf.variable_scope(scope or type(self).__name__):
            return self.call(inputs, state)


def test_cells_of_users() -> None:
    cell = Own(4)
    tf.nn.static_rnn(cell, inputs_of(3), dtype=tf.float32)
    assert names() == ["rnn/own/w:0", "rnn/own/u:0"]
    assert [v.name for v in cell.trainable_weights] == names()
    tf.nn.static_rnn(Old(4), inputs_of(3), dtype=tf.float32, scope="second")
    assert names()[2:] == ["second/Old/w:0", "second/Old/u:0"]
    stack = Cells.MultiRNNCell([Own(4) for _ in range(2)])
    tf.nn.static_rnn(stack, inputs_of(3), dtype=tf.float32, scope="third")
    assert names()[4] == "third/multi_rnn_cell/cell_0/own/w:0"
    assert len(names()) == 8


def test_embedding_wrapper(sess: tf.Session) -> None:
    cell = tf.contrib.rnn.EmbeddingWrapper(Cells.BasicRNNCell(3), 7, 5)
    inputs = [tf.constant([1, 6]), tf.constant([0, 2])]
    outputs, _ = tf.nn.static_rnn(cell, inputs, dtype=tf.float32)
    assert names()[0] == "rnn/embedding_wrapper/embedding:0"
    sess.run(tf.global_variables_initializer())
    assert sess.run(outputs[1]).shape == (2, 3)
    assert np.abs(sess.run(tf.global_variables()[0])).max() <= np.sqrt(3)


def test_joined_states_of_several_cells(sess: tf.Session) -> None:
    def make(is_tuple: bool) -> Any:
        cells = [Cells.BasicLSTMCell(3, state_is_tuple=is_tuple) for _ in range(2)]
        return Cells.MultiRNNCell(cells, state_is_tuple=is_tuple)

    x = [tf.constant(value) for value in steps()]
    nested, state = tf.nn.static_rnn(make(True), x, dtype=tf.float64)
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        flat, joined = tf.nn.static_rnn(make(False), x, dtype=tf.float64)
    sess.run(tf.global_variables_initializer())
    one, other, state, joined = sess.run([nested[-1], flat[-1], state, joined])
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(np.concatenate([t for pair in state for t in pair], 1), joined)


# ------------------------------------------------------------------------------------- sequences


def test_sequence_lengths(sess: tf.Session) -> None:
    inputs, lengths = steps(4, 3), [2, 0, 4]
    x = [tf.constant(value) for value in inputs]
    start = Cells.LSTMStateTuple(*(tf.constant(RNG.normal(size=(3, 3))) for _ in range(2)))
    plain, _ = tf.nn.static_rnn(Cells.BasicLSTMCell(3), x, start)
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        masked, state = tf.nn.static_rnn(Cells.BasicLSTMCell(3), x, start, sequence_length=lengths)
    sess.run(tf.global_variables_initializer())
    plain, masked, state, start = sess.run([plain, masked, state, start])
    for row, length in enumerate(lengths):
        for time in range(4):
            expected = plain[time][row] if time < length else np.zeros(3)
            np.testing.assert_array_equal(masked[time][row], expected)
        last = plain[length - 1][row] if length else start.h[row]
        np.testing.assert_array_equal(state.h[row], last)


def test_bidirectional(sess: tf.Session) -> None:
    inputs, lengths = steps(3, 2), [2, 3]
    x = [tf.constant(value) for value in inputs]
    cells = [Cells.GRUCell(3), Cells.GRUCell(2)]
    outputs, fw, bw = tf.nn.static_bidirectional_rnn(
        *cells, x, dtype=tf.float64, sequence_length=lengths
    )
    assert names()[::4] == [
        "bidirectional_rnn/fw/gru_cell/gates/kernel:0",
        "bidirectional_rnn/bw/gru_cell/gates/kernel:0",
    ]
    turned = [[x[1][0], x[0][0], x[2][0]], [x[2][1], x[1][1], x[0][1]]]
    backwards = [tf.stack([turned[row][time] for row in range(2)]) for time in range(3)]
    with tf.variable_scope("bidirectional_rnn/bw", reuse=True):
        alone, state = tf.nn.static_rnn(
            Cells.GRUCell(2), backwards, dtype=tf.float64, sequence_length=lengths,
            scope=tf.get_variable_scope(),
        )  # fmt: skip
    sess.run(tf.global_variables_initializer())
    outputs, fw, bw, alone, state = sess.run([outputs, fw, bw, alone, state])
    assert outputs[0].shape == (2, 5) and fw.shape == (2, 3)
    np.testing.assert_allclose(bw, state)
    np.testing.assert_allclose(outputs[0][1, 3:], alone[2][1])
    np.testing.assert_allclose(outputs[1][0, 3:], alone[0][0])
    np.testing.assert_array_equal(outputs[2][0], np.zeros(5))


@pytest.mark.parametrize("lengths", [None, [3, 1]])
def test_gradients(sess: tf.Session, lengths: Any) -> None:
    cell = Cells.MultiRNNCell([Cells.LSTMCell(3, use_peepholes=True), Cells.GRUCell(2)])
    x = [tf.constant(value) for value in steps(3)]
    outputs, _ = tf.nn.static_rnn(cell, x, dtype=tf.float64, sequence_length=lengths)
    loss = tf.add_n([tf.reduce_sum(tf.square(y)) for y in outputs])
    variables = tf.trainable_variables()
    found = tf.gradients(loss, [*variables, x[0]])
    sess.run([v.assign(RNG.normal(size=v.shape.as_list()) * 0.5) for v in variables])
    gradients = sess.run(found)
    for target, gradient in zip([*variables, x[0]], gradients, strict=True):
        value = sess.run(target)
        direction = RNG.normal(size=value.shape)
        step = 1e-6 * direction
        key = target.value() if isinstance(target, tf.Variable) else target
        ahead, behind = (sess.run(loss, {key: value + s}) for s in (step, -step))
        assert (ahead - behind) / 2e-6 == pytest.approx(
            np.sum(gradient * direction), rel=1e-6, abs=1e-8
        )


# --------------------------------------------------------------------------------------- wrappers


def test_dropout_wrapper(sess: tf.Session) -> None:
    tf.set_random_seed(1)
    state = Cells.LSTMStateTuple(tf.ones([8, 64]), tf.ones([8, 64]))
    cell = Cells.DropoutWrapper(
        Cells.BasicLSTMCell(64), output_keep_prob=0.5, state_keep_prob=0.25, seed=3
    )
    output, new_state = cell(tf.ones([8, 2]), state)
    sess.run(tf.global_variables_initializer())
    y, new = sess.run([output, new_state])
    assert 0.4 < np.mean(y == 0) < 0.6
    assert 0.65 < np.mean(new.h == 0) < 0.85 and np.all(new.c != 0)
    kept = (y != 0) & (new.h != 0)
    np.testing.assert_allclose(y[kept] * 2, new.h[kept], rtol=1e-6)  # 1/0.5 and 1/0.25


def test_variational_dropout_draws_once(sess: tf.Session) -> None:
    cell = Cells.DropoutWrapper(
        Own(32), input_keep_prob=0.5, output_keep_prob=0.5, variational_recurrent=True,
        input_size=16, dtype=tf.float32,
    )  # fmt: skip
    outputs, _ = tf.nn.static_rnn(cell, [tf.ones([4, 16])] * 3, dtype=tf.float32)
    with tf.variable_scope("rnn/own", reuse=True):
        tf.get_variable("w")
    sess.run([v.assign(tf.ones(v.shape)) for v in tf.global_variables()])
    zeros = [y == 0 for y in sess.run(outputs)]
    assert zeros[0].any() and not zeros[0].all()
    assert np.array_equal(zeros[0], zeros[2])
    assert np.array_equal(zeros[0][0], zeros[0][3])


def test_dropout_filter(sess: tf.Session) -> None:
    cell = Cells.DropoutWrapper(
        Cells.MultiRNNCell([Own(16), Cells.BasicLSTMCell(16)]),
        state_keep_prob=0.5,
        dropout_state_filter_visitor=lambda s: (
            isinstance(s, tuple) and not isinstance(s, Cells.LSTMStateTuple)
        ),
    )
    _, state = cell(tf.ones([8, 16]), cell.zero_state(8, tf.float32))
    sess.run([v.assign(tf.ones(v.shape) / 8) for v in tf.global_variables()])
    own, lstm = sess.run(state)
    assert np.all(own != 0) and np.all(lstm.c != 0) and np.all(lstm.h != 0)


def test_residual_and_device(sess: tf.Session) -> None:
    inner = Own(4)
    cell = Cells.DeviceWrapper(Cells.ResidualWrapper(inner), "/cpu:0")
    x, state = tf.ones([2, 4]), cell.zero_state(2, tf.float32)
    y, _ = cell(x, state)
    plain, _ = inner(x, state)
    assert "CPU:0" in y.op.device.upper()
    sess.run(tf.global_variables_initializer())
    total, part = sess.run([y, plain])
    np.testing.assert_allclose(total, part + 1)
    with tf.variable_scope("other"), pytest.raises(ValueError, match="incompatible"):
        Cells.ResidualWrapper(Own(3))(x, tf.zeros([2, 3]))
    halved = Cells.ResidualWrapper(inner, lambda before, after: before / 2 + after)
    np.testing.assert_allclose(sess.run(halved(x, state)[0]), part + 0.5)


def test_attention_wrapper_joined(sess: tf.Session) -> None:
    def network(is_tuple: bool) -> Any:
        cell = tf.contrib.rnn.AttentionCellWrapper(
            Cells.BasicRNNCell(3), 2, attn_vec_size=5, state_is_tuple=is_tuple
        )
        return tf.nn.static_rnn(cell, x, dtype=tf.float64)

    x = [tf.constant(value) for value in steps()]
    outputs, state = network(True)
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        others, joined = network(False)
    sess.run(tf.global_variables_initializer())
    outputs, state, others, joined = sess.run([outputs, state, others, joined])
    np.testing.assert_array_equal(outputs[2], others[2])
    np.testing.assert_array_equal(np.concatenate(state, 1), joined)
    np.testing.assert_array_equal(state[2].reshape(2, 2, 3)[:, 1], outputs[2])


# ----------------------------------------------------------------------------------------- misuse


def test_zero_state() -> None:
    cell = Cells.MultiRNNCell([Cells.LSTMCell(3), Cells.GRUCell(2)])
    state = cell.zero_state(tf.placeholder(tf.int32, []), tf.float32)
    assert state[0].c.shape.as_list() == [None, 3] and state[1].shape.as_list() == [None, 2]
    assert cell.get_initial_state(tf.zeros([5, 1]))[1].shape.as_list() == [5, 2]
    with pytest.raises(ValueError, match="batch_size and dtype cannot be None"):
        cell.get_initial_state(batch_size=3)
    with pytest.raises(ValueError, match="different from the input param"):
        cell.get_initial_state(tf.zeros([5, 1]), batch_size=3)


def test_misuse() -> None:
    x = inputs_of()
    with pytest.raises(TypeError, match="is not an RNNCell"):
        tf.nn.static_rnn(lambda x, s: (x, s), x, dtype=tf.float32)
    with pytest.raises(TypeError, match="is a class"):
        tf.nn.static_rnn(Cells.GRUCell, x, dtype=tf.float32)
    with pytest.raises(TypeError, match="inputs must be a sequence"):
        tf.nn.static_rnn(Cells.GRUCell(3), tf.zeros([2, 3]), dtype=tf.float32)
    with pytest.raises(ValueError, match="must not be empty"):
        tf.nn.static_rnn(Cells.GRUCell(3), [], dtype=tf.float32)
    with pytest.raises(ValueError, match="dtype must be specified"):
        tf.nn.static_rnn(Cells.GRUCell(3), x)
    unknown = [tf.placeholder(tf.float32, [2, None])]
    with pytest.raises(ValueError, match="accessible via shape inference"):
        tf.nn.static_rnn(Cells.GRUCell(3), unknown, dtype=tf.float32)
    with pytest.raises(ValueError, match="vector of length batch_size"):
        tf.nn.static_rnn(Cells.GRUCell(3), x, dtype=tf.float32, sequence_length=[[1]])
    with pytest.raises(ValueError, match="at least one cell"):
        Cells.MultiRNNCell([])
    with pytest.raises(ValueError, match="state_is_tuple is not set"):
        Cells.MultiRNNCell([Cells.LSTMCell(3)], state_is_tuple=False)
    with pytest.raises(ValueError, match="tuple of length 1"):
        Cells.MultiRNNCell([Cells.GRUCell(3)])(x[0], tf.zeros([2, 3]))
    with pytest.raises(ValueError, match="between 0 and 1"):
        Cells.DropoutWrapper(Cells.GRUCell(3), 1.5)
    with pytest.raises(ValueError, match="dtype must be provided"):
        Cells.DropoutWrapper(Cells.GRUCell(3), variational_recurrent=True)
    with pytest.raises(ValueError, match="Unknown activation"):
        Cells.GRUCell(3, activation="no_such")
    with pytest.raises(NotImplementedError, match="not sharded"):
        Cells.LSTMCell(3, num_proj=2, num_proj_shards=2)
