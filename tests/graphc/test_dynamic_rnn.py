"""Recurrent networks as loops: equal to unrolled ones, lengths, gradients, names, misuse."""

from typing import Any

import numpy as np
import pytest

import graphc as tf

RNG = np.random.default_rng(0)
Cells = tf.nn.rnn_cell
BATCH, TIME, SIZE = 3, 4, 2


def batch(dtype: Any = np.float64) -> np.ndarray:
    return RNG.normal(size=(BATCH, TIME, SIZE)).astype(dtype)


def stack() -> Any:
    return Cells.MultiRNNCell([Cells.LSTMCell(3, use_peepholes=True, num_proj=2), Cells.GRUCell(3)])


def randomize(sess: tf.Session) -> None:
    values = {v: RNG.normal(size=v.shape.as_list()) * 0.5 for v in tf.global_variables()}
    sess.run([v.assign(value) for v, value in values.items()])


@pytest.mark.parametrize("lengths", [None, [4, 1, 0]])
@pytest.mark.parametrize("time_major", [False, True])
def test_equal_to_an_unrolled_network(sess: tf.Session, lengths: Any, time_major: bool) -> None:
    x = batch()
    given = tf.placeholder(tf.float64, [None, None, SIZE])
    outputs, state = tf.nn.dynamic_rnn(
        stack(), given, dtype=tf.float64, sequence_length=lengths, time_major=time_major
    )
    steps = [tf.constant(x[:, t]) for t in range(TIME)]
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        unrolled, last = tf.nn.static_rnn(stack(), steps, dtype=tf.float64, sequence_length=lengths)
    assert outputs.shape.as_list() == [None, None, 3]
    randomize(sess)
    feed = {given: x.swapaxes(0, 1) if time_major else x}
    ours, (lstm, gru), theirs, (lstm_2, gru_2) = sess.run([outputs, state, unrolled, last], feed)
    np.testing.assert_allclose(ours, np.stack(theirs, 0 if time_major else 1), rtol=1e-9)
    assert isinstance(lstm, Cells.LSTMStateTuple)
    for one, other in zip((*lstm, gru), (*lstm_2, gru_2), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)
    if lengths is not None and not time_major:
        assert not ours[1, 1:].any() and not ours[2].any() and ours[0].all()


def test_names() -> None:
    x = tf.placeholder(tf.float32, [None, TIME, SIZE])
    cells = [Cells.DropoutWrapper(Cells.LSTMCell(3), output_keep_prob=0.5) for _ in range(2)]
    outputs, _ = tf.nn.dynamic_rnn(Cells.MultiRNNCell(cells), x, dtype=tf.float32)
    tf.nn.bidirectional_dynamic_rnn(Cells.GRUCell(3), Cells.BasicRNNCell(2), x, dtype=tf.float32)
    assert outputs.shape.as_list() == [None, TIME, 3]
    assert [v.op.name for v in tf.trainable_variables()] == [
        "rnn/multi_rnn_cell/cell_0/lstm_cell/kernel",
        "rnn/multi_rnn_cell/cell_0/lstm_cell/bias",
        "rnn/multi_rnn_cell/cell_1/lstm_cell/kernel",
        "rnn/multi_rnn_cell/cell_1/lstm_cell/bias",
        "bidirectional_rnn/fw/gru_cell/gates/kernel",
        "bidirectional_rnn/fw/gru_cell/gates/bias",
        "bidirectional_rnn/fw/gru_cell/candidate/kernel",
        "bidirectional_rnn/fw/gru_cell/candidate/bias",
        "bidirectional_rnn/bw/basic_rnn_cell/kernel",
        "bidirectional_rnn/bw/basic_rnn_cell/bias",
    ]


def test_reuse(sess: tf.Session) -> None:
    x = tf.constant(batch(np.float32))
    with tf.variable_scope("net", reuse=tf.AUTO_REUSE):
        one, _ = tf.nn.dynamic_rnn(Cells.GRUCell(3), x, dtype=tf.float32)
        other, _ = tf.nn.dynamic_rnn(Cells.GRUCell(3), x, dtype=tf.float32)
    assert len(tf.global_variables()) == 4
    sess.run(tf.global_variables_initializer())
    np.testing.assert_array_equal(*sess.run([one, other]))
    with tf.variable_scope("net"), pytest.raises(ValueError, match="already exists"):
        tf.nn.dynamic_rnn(Cells.GRUCell(3), x, dtype=tf.float32)


@pytest.mark.parametrize("lengths", [None, [4, 1, 2]])
def test_gradients(sess: tf.Session, lengths: Any) -> None:
    x = tf.placeholder(tf.float64, [None, None, SIZE])
    start = tf.placeholder(tf.float64, [None, 3])
    cell = Cells.MultiRNNCell([Cells.BasicLSTMCell(3), Cells.GRUCell(3)])
    state = (cell.cells[0].zero_state(tf.shape(x)[0], tf.float64), start)
    outputs, last = tf.nn.dynamic_rnn(cell, x, sequence_length=lengths, initial_state=state)
    loss = tf.reduce_sum(tf.square(outputs)) + tf.reduce_sum(last[0].c * last[0].h)
    variables = tf.trainable_variables()
    targets = [*variables, x, start]
    found = tf.gradients(loss, targets)
    randomize(sess)
    feed = {x: batch(), start: RNG.normal(size=(BATCH, 3))}
    for target, gradient in zip(targets, sess.run(found, feed), strict=True):
        value = feed[target] if target in feed else sess.run(target)
        direction = RNG.normal(size=value.shape)
        losses = []
        for step in (1e-6, -1e-6):
            moved = value + step * direction
            if target in feed:
                losses.append(sess.run(loss, {**feed, target: moved}))
            else:
                target.load(moved, sess)
                losses.append(sess.run(loss, feed))
                target.load(value, sess)
        numeric = (losses[0] - losses[1]) / 2e-6
        assert numeric == pytest.approx(np.sum(gradient * direction), rel=1e-6, abs=1e-7)


def test_bidirectional(sess: tf.Session) -> None:
    x, lengths = tf.constant(batch()), [2, 4, 1]
    (fw, bw), (state_fw, state_bw) = tf.nn.bidirectional_dynamic_rnn(
        Cells.GRUCell(3), Cells.GRUCell(2), x, lengths, dtype=tf.float64
    )
    turned = tf.reverse_sequence(x, lengths, seq_axis=1)
    with tf.variable_scope("bidirectional_rnn/bw", reuse=True):
        alone, last = tf.nn.dynamic_rnn(
            Cells.GRUCell(2), turned, lengths, dtype=tf.float64, scope=tf.get_variable_scope()
        )
    randomize(sess)
    fw, bw, state_fw, state_bw, alone, last = sess.run([fw, bw, state_fw, state_bw, alone, last])
    np.testing.assert_array_equal(state_bw, last)
    for row, length in enumerate(lengths):
        np.testing.assert_array_equal(bw[row, :length], alone[row, :length][::-1])
        np.testing.assert_array_equal(state_fw[row], fw[row, length - 1])
        assert not bw[row, length:].any()
    plain, _ = tf.nn.bidirectional_dynamic_rnn(
        Cells.GRUCell(3), Cells.GRUCell(2), x, dtype=tf.float64, scope="plain"
    )
    randomize(sess)
    assert [y.shape for y in sess.run(plain)] == [(BATCH, TIME, 3), (BATCH, TIME, 2)]


def test_other_sizes_do_not_compile_again() -> None:
    x = tf.placeholder(tf.float32, [None, None, SIZE])
    lengths = tf.placeholder(tf.int32, [None])
    outputs, _ = tf.nn.dynamic_rnn(Cells.GRUCell(3), x, lengths, dtype=tf.float32)
    loss = tf.reduce_sum(outputs)
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(step, {x: np.ones((3, 4, SIZE)), lengths: [1, 2, 3]})
        before = sess.statistics["compilations"]
        for rows, time in ((5, 4), (3, 9), (2, 2)):
            sess.run(step, {x: np.ones((rows, time, SIZE)), lengths: [2] * rows})
        assert sess.statistics["compilations"] == before
        with pytest.raises(tf.errors.InvalidArgumentError):
            sess.run(step, {x: np.ones((3, 4, SIZE)), lengths: [1, 2]})


def test_a_cell_of_a_user_with_dropout_inside(sess: tf.Session) -> None:
    class Noisy(Cells.RNNCell):
        state_size = 8
        output_size = 8

        def call(self, inputs: Any, state: Any) -> Any:
            w = tf.get_variable("w", [10, 8])
            output = tf.nn.dropout(tf.tanh(tf.matmul(tf.concat([inputs, state], 1), w)), 0.5)
            return output, output

    outputs, _ = tf.nn.dynamic_rnn(Noisy(), tf.ones([2, 3, 2]), dtype=tf.float32)
    sess.run(tf.global_variables_initializer())
    zeros = sess.run(outputs) == 0
    assert zeros.any() and not np.array_equal(zeros[:, 1], zeros[:, 2])
    assert [v.op.name for v in tf.trainable_variables()] == ["rnn/noisy/w"]


def test_nested_inputs(sess: tf.Session) -> None:
    class Pair(Cells.RNNCell):
        state_size = (2, 1)
        output_size = (2, 1)

        def call(self, inputs: Any, state: Any) -> Any:
            both = (inputs["a"] + state[0], inputs["b"] * 2 + state[1])
            return both, both

    a, b = RNG.normal(size=(2, 3, 2)), RNG.normal(size=(2, 3, 1))
    outputs, last = tf.nn.dynamic_rnn(
        Pair(), {"a": tf.constant(a), "b": tf.constant(b)}, dtype=tf.float64
    )
    found, end = sess.run([outputs, last])
    np.testing.assert_allclose(found[0], np.cumsum(a, 1))
    np.testing.assert_allclose(found[1], np.cumsum(b * 2, 1))
    np.testing.assert_array_equal(end[1], found[1][:, -1])


def test_raw_rnn_is_a_dynamic_rnn(sess: tf.Session) -> None:
    x, lengths = tf.constant(batch()), tf.constant([4, 1, 2])
    rows = tf.TensorArray(tf.float64, TIME).unstack(tf.transpose(x, [1, 0, 2]))
    cell = Cells.LSTMCell(3)

    def loop(time: Any, output: Any, state: Any, count: Any) -> Any:
        if output is None:
            state, count = cell.zero_state(BATCH, tf.float64), tf.constant(0)
        else:
            count = count + 1
        done = time >= lengths
        following = rows.read(tf.minimum(time, TIME - 1))
        return done, following, state, output, count

    emitted, state, count = tf.nn.raw_rnn(cell, loop)
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        plain, last = tf.nn.dynamic_rnn(Cells.LSTMCell(3), x, lengths, dtype=tf.float64)
    randomize(sess)
    ours, theirs, state, last, count = sess.run([emitted.stack(), plain, state, last, count])
    np.testing.assert_allclose(ours.swapaxes(0, 1), theirs, rtol=1e-12)
    np.testing.assert_allclose(np.stack(state), np.stack(last), rtol=1e-12)
    assert count == 4


def test_misuse() -> None:
    x = tf.placeholder(tf.float32, [3, TIME, SIZE])
    cell = Cells.GRUCell(3)
    with pytest.raises(TypeError, match="is not an RNNCell"):
        tf.nn.dynamic_rnn(x, cell, dtype=tf.float32)
    with pytest.raises(ValueError, match="dtype must be specified"):
        tf.nn.dynamic_rnn(cell, x)
    with pytest.raises(ValueError, match="rank at least 2"):
        tf.nn.dynamic_rnn(cell, tf.zeros([3]), dtype=tf.float32)
    with pytest.raises(ValueError, match="vector of length batch_size"):
        tf.nn.dynamic_rnn(cell, x, [1, 2], dtype=tf.float32)
    with pytest.raises(ValueError, match="Time steps is not the same"):
        tf.nn.dynamic_rnn(cell, (x, tf.zeros([3, 5, SIZE])), dtype=tf.float32)
    unknown = tf.placeholder(tf.float32, [3, TIME, None])
    with pytest.raises(ValueError, match="known last dimension"):
        tf.nn.dynamic_rnn(Cells.GRUCell(3), unknown, dtype=tf.float32, scope="other")
    with pytest.raises(TypeError, match="loop_fn must be a callable"):
        tf.nn.raw_rnn(cell, x)
