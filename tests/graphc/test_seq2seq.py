"""`tf.contrib.seq2seq`: decoding against `dynamic_rnn` and NumPy, attention, names, the loss."""

from typing import Any

import numpy as np
import pytest

import graphc as tf

RNG = np.random.default_rng(0)
Cells = tf.nn.rnn_cell
Seq = tf.contrib.seq2seq
BATCH, TIME, SIZE, UNITS, CLASSES = 3, 4, 2, 5, 6


def randomize(sess: tf.Session) -> None:
    values = {v: RNG.normal(size=v.shape.as_list()) * 0.7 for v in tf.global_variables()}
    sess.run([v.assign(value) for v, value in values.items()])


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


# ---------------------------------------------------------------------------------------- decoding


@pytest.mark.parametrize("impute", [False, True])
def test_training_is_a_dynamic_rnn(sess: tf.Session, impute: bool) -> None:
    x, lengths = tf.constant(RNG.normal(size=(BATCH, TIME, SIZE))), [4, 2, 1]
    cell = Cells.LSTMCell(UNITS)
    layer = tf.layers.Dense(CLASSES)
    helper = Seq.TrainingHelper(x, lengths)
    decoder = Seq.BasicDecoder(cell, helper, cell.zero_state(BATCH, tf.float64), layer)
    outputs, state, ends = Seq.dynamic_decode(decoder, impute_finished=impute)
    assert [v.op.name for v in tf.trainable_variables()] == [
        "decoder/lstm_cell/kernel", "decoder/lstm_cell/bias",
        "decoder/dense/kernel", "decoder/dense/bias",
    ]  # fmt: skip
    assert outputs.rnn_output.shape.as_list()[2:] == [CLASSES]
    with tf.variable_scope("decoder", reuse=True) as scope:
        plain, last = tf.nn.dynamic_rnn(
            Cells.LSTMCell(UNITS), x, lengths, dtype=tf.float64, scope=scope
        )
        logits = layer(plain)
    randomize(sess)
    found, logits, state, last, ends = sess.run([outputs, logits, state, last, ends])
    assert ends.tolist() == lengths and isinstance(found, Seq.BasicDecoderOutput)
    for row, length in enumerate(lengths):
        np.testing.assert_allclose(found.rnn_output[row, :length], logits[row, :length])
        assert found.sample_id[row, 0] == logits[row, 0].argmax()
        if impute:
            assert not found.rnn_output[row, length:].any()
            np.testing.assert_allclose(state.h[row], last.h[row])


def test_gradients_of_training(sess: tf.Session) -> None:
    x, lengths = tf.constant(RNG.normal(size=(BATCH, TIME, SIZE))), [4, 2, 1]
    memory = tf.constant(RNG.normal(size=(BATCH, 3, 4)))
    mechanism = Seq.BahdanauAttention(UNITS, memory, [3, 1, 2], dtype=tf.float64)
    cell = Seq.AttentionWrapper(Cells.GRUCell(UNITS), mechanism, attention_layer_size=3)
    decoder = Seq.BasicDecoder(
        cell, Seq.TrainingHelper(x, lengths), cell.zero_state(BATCH, tf.float64)
    )
    outputs, _, _ = Seq.dynamic_decode(decoder, impute_finished=True)
    loss = tf.reduce_sum(tf.square(outputs.rnn_output))
    variables = tf.trainable_variables()
    found = tf.gradients(loss, variables)
    randomize(sess)
    for target, gradient in zip(variables, sess.run(found), strict=True):
        value = sess.run(target)
        direction = RNG.normal(size=value.shape)
        losses = []
        for step in (1e-6, -1e-6):
            target.load(value + step * direction, sess)
            losses.append(sess.run(loss))
        target.load(value, sess)
        numeric = (losses[0] - losses[1]) / 2e-6
        assert numeric == pytest.approx(np.sum(gradient * direction), rel=1e-5, abs=1e-7)


def greedy_network(limit: int, start: Any, helper: Any = None) -> Any:
    table = tf.get_variable("table", [CLASSES, SIZE], tf.float64)
    cell = Cells.BasicRNNCell(UNITS)
    helper = helper or Seq.GreedyEmbeddingHelper
    decoder = Seq.BasicDecoder(
        cell, helper(table, start, 1), cell.zero_state(tf.shape(start)[0], tf.float64),
        tf.layers.Dense(CLASSES, use_bias=False),
    )  # fmt: skip
    return Seq.dynamic_decode(decoder, maximum_iterations=limit, scope="decoder")


def test_greedy_decoding(sess: tf.Session) -> None:
    outputs, _, ends = greedy_network(7, tf.constant([0, 2, 3, 5]))
    for _ in range(5):
        randomize(sess)
        names = ["table", "decoder/basic_rnn_cell/kernel", "decoder/basic_rnn_cell/bias",
                 "decoder/dense/kernel"]  # fmt: skip
        table, kernel, bias, last = sess.run([f"{name}:0" for name in names])
        found, lengths = sess.run([outputs, ends])
        token, state, expected = np.array([0, 2, 3, 5]), np.zeros((4, UNITS)), []
        finished, wanted = np.zeros(4, bool), np.zeros(4, int)
        while not finished.all() and len(expected) < 7:
            state = np.tanh(np.concatenate([table[token], state], 1) @ kernel + bias)
            token = (state @ last).argmax(1)
            expected.append(token)
            wanted[~finished] = len(expected)
            finished |= token == 1
        np.testing.assert_array_equal(found.sample_id, np.stack(expected, 1))
        np.testing.assert_array_equal(lengths, wanted)


def test_sampled_decoding(sess: tf.Session) -> None:
    def helper(table: Any, start: Any, end: Any) -> Any:
        return Seq.SampleEmbeddingHelper(table, start, end, softmax_temperature=1e-3, seed=1)

    cold, _, _ = greedy_network(5, tf.constant([0, 2]), helper)
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        greedy, _, _ = greedy_network(5, tf.constant([0, 2]))
    randomize(sess)
    ours, theirs = sess.run([cold.sample_id, greedy.sample_id])
    np.testing.assert_array_equal(ours, theirs)


def test_custom_helper(sess: tf.Session) -> None:
    """Counts: each input is one more than the last; sequences end at their own limits."""
    limits = tf.constant([2.0, 4.0])

    class Plus(Cells.RNNCell):
        state_size = 1
        output_size = 1

        def call(self, inputs: Any, state: Any) -> Any:
            return inputs + 1.0, state

    helper = Seq.CustomHelper(
        lambda: (tf.constant([False, False]), tf.zeros([2, 1])),
        lambda time, outputs, state: tf.cast(outputs[:, 0], tf.int32),
        lambda time, outputs, state, sample_ids: (outputs[:, 0] >= limits, outputs, state),
    )
    decoder = Seq.BasicDecoder(Plus(), helper, tf.zeros([2, 1]))
    outputs, _, lengths = Seq.dynamic_decode(decoder, output_time_major=True)
    samples, ends = sess.run([outputs.sample_id, lengths])
    assert samples.T.tolist() == [[1, 2, 3, 4], [1, 2, 3, 4]] and ends.tolist() == [2, 4]


def search_by_hand(
    step: Any, start: int, state: np.ndarray, width: int, limit: int, weight: float
) -> list[list[int]]:
    """The best sequences of one row: a search over lists, by the same rules."""
    beams = [([], 0.0, False, 0, state, start)]
    for _ in range(limit):
        grown = []
        for words, total, is_done, length, own, token in beams:
            logits, after = step(token, own)
            logs = np.log(softmax(logits))
            for word in range(CLASSES):
                if is_done and word != 1:
                    continue
                value = total + (0 if is_done else logs[word])
                longer = length + (not is_done and word != 1)
                score = value / ((5 + longer) / 6) ** weight
                grown.append((score, words + [word], value, is_done or word == 1,
                              length + (not is_done), after, word))  # fmt: skip
        grown.sort(key=lambda entry: -entry[0])
        beams = [entry[1:] for entry in grown[:width]]
        if all(entry[2] for entry in beams):
            break
    return [entry[0] for entry in beams]


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_beam_search(sess: tf.Session, weight: float) -> None:
    width, limit, starts = 3, 5, [0, 2]
    table = tf.get_variable("table", [CLASSES, SIZE], tf.float64)
    cell = Cells.BasicRNNCell(UNITS)
    state = Seq.tile_batch(tf.zeros([2, UNITS], tf.float64), width)
    decoder = Seq.BeamSearchDecoder(
        cell, table, starts, 1, state, width, tf.layers.Dense(CLASSES, use_bias=False), weight
    )
    outputs, _, _ = Seq.dynamic_decode(decoder, maximum_iterations=limit)
    for _ in range(4):
        randomize(sess)
        names = ["table", "decoder/basic_rnn_cell/kernel", "decoder/basic_rnn_cell/bias",
                 "decoder/dense/kernel"]  # fmt: skip
        rows, kernel, bias, out = sess.run([f"{name}:0" for name in names])

        def step(token: int, own: np.ndarray, v: Any = (rows, kernel, bias, out)) -> Any:
            after = np.tanh(np.concatenate([v[0][token], own]) @ v[1] + v[2])
            return after @ v[3], after

        found = sess.run(outputs.predicted_ids)
        for row, start in enumerate(starts):
            wanted = search_by_hand(step, start, np.zeros(UNITS), width, limit, weight)
            for beam, words in enumerate(wanted):
                end = words.index(1) + 1 if 1 in words else len(words)
                assert found[row, :end, beam].tolist() == words[:end]
                assert np.all(found[row, end:, beam] == 1)


def test_gather_tree(sess: tf.Session) -> None:
    ids = np.array([[[1, 2, 3]], [[4, 5, 6]], [[7, 8, 9]]], np.int32)
    parents = np.array([[[0, 0, 0]], [[0, 1, 1]], [[2, 1, 2]]], np.int32)
    tree = Seq.gather_tree(ids, parents, [3], 10)
    assert sess.run(tree).tolist() == [[[2, 2, 2]], [[6, 5, 6]], [[7, 8, 9]]]
    short = sess.run(Seq.gather_tree(ids, parents, [2], 5))
    assert short.tolist() == [[[1, 2, 2]], [[4, 5, 6]], [[5, 5, 5]]]


# --------------------------------------------------------------------------------------- attention


@pytest.mark.parametrize("kind", ["luong", "scaled", "bahdanau", "normed"])
def test_attention(sess: tf.Session, kind: str) -> None:
    memory, lengths = RNG.normal(size=(BATCH, 4, 3)), np.array([4, 2, 1])
    x = RNG.normal(size=(BATCH, SIZE))
    with tf.variable_scope("decoder"):
        arguments: Any = (UNITS, tf.constant(memory), lengths)
        if kind in ("luong", "scaled"):
            made = Seq.LuongAttention(*arguments, scale=kind == "scaled", dtype=tf.float64)
        else:
            made = Seq.BahdanauAttention(*arguments, normalize=kind == "normed", dtype=tf.float64)
        cell = Seq.AttentionWrapper(
            Cells.BasicRNNCell(UNITS), made, attention_layer_size=2, alignment_history=True
        )
        output, state = cell(tf.constant(x), cell.zero_state(BATCH, tf.float64))
    randomize(sess)
    v = {v.op.name.removeprefix("decoder/"): v for v in tf.global_variables()}
    family = "luong" if kind in ("luong", "scaled") else "bahdanau"
    wrapper, inner = "attention_wrapper", f"attention_wrapper/{family}_attention"
    names = ["memory_layer/kernel", f"{wrapper}/basic_rnn_cell/kernel",
             f"{wrapper}/basic_rnn_cell/bias"]  # fmt: skip
    extra = {
        "luong": [], "scaled": ["attention_g"], "bahdanau": ["query_layer/kernel", "attention_v"],
        "normed": ["query_layer/kernel", "attention_v", "attention_g", "attention_b"],
    }[kind]  # fmt: skip
    assert list(v) == [
        *names, *[f"{inner}/{name}" for name in extra], f"{wrapper}/attention_layer/kernel"
    ]  # fmt: skip
    found, w, alignments, history, time = sess.run(
        [output, v, state.alignments, state.alignment_history.stack(), state.time]
    )
    masked = memory * (np.arange(4) < lengths[:, None])[:, :, None]
    keys = masked @ w["memory_layer/kernel"]
    joined = np.concatenate([x, np.zeros((BATCH, 2 + UNITS))], 1)
    h = np.tanh(joined @ w[names[1]] + w[names[2]])
    if kind in ("luong", "scaled"):
        score = np.einsum("bu,btu->bt", h, keys)
        score = score * (w[f"{inner}/attention_g"] if kind == "scaled" else 1)
    else:
        inside = keys + (h @ w[f"{inner}/query_layer/kernel"])[:, None]
        vector = w[f"{inner}/attention_v"]
        if kind == "normed":
            inside = inside + w[f"{inner}/attention_b"]
            vector = w[f"{inner}/attention_g"] * vector / np.linalg.norm(vector)
        score = np.tanh(inside) @ vector
    weights = softmax(np.where(np.arange(4) < lengths[:, None], score, -np.inf))
    context = np.einsum("bt,btd->bd", weights, masked)
    layer = w[f"{wrapper}/attention_layer/kernel"]
    np.testing.assert_allclose(found, np.concatenate([h, context], 1) @ layer, rtol=1e-6)
    np.testing.assert_allclose(alignments, weights, rtol=1e-6)
    np.testing.assert_array_equal(history, alignments[None])
    assert time == 1


def test_several_mechanisms_and_a_given_state(sess: tf.Session) -> None:
    memory = tf.constant(RNG.normal(size=(BATCH, 4, 3)))
    start = tf.constant(RNG.normal(size=(BATCH, UNITS)))
    made = [Seq.LuongAttention(UNITS, memory, dtype=tf.float64) for _ in range(2)]
    cell = Seq.AttentionWrapper(
        Cells.GRUCell(UNITS), made, output_attention=False, initial_cell_state=start
    )
    assert cell.output_size == UNITS and cell.state_size.attention == 6
    state = cell.zero_state(BATCH, tf.float64)
    x = tf.constant(RNG.normal(size=(BATCH, TIME, SIZE)))
    outputs, last = tf.nn.dynamic_rnn(cell, x, initial_state=state)
    randomize(sess)
    values, end, alignments = sess.run([outputs, last.cell_state, last.alignments])
    np.testing.assert_allclose(values[:, -1], end)
    assert len(alignments) == 2
    np.testing.assert_allclose(alignments[1].sum(1), 1)
    other = state.clone(cell_state=tf.zeros([BATCH, UNITS], tf.float64))
    assert other.attention is state.attention


def test_tile_batch(sess: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None, 2])
    state = Cells.LSTMStateTuple(x, tf.constant([1, 2]))
    tiled = Seq.tile_batch(state, 2)
    assert tiled.c.shape.as_list() == [None, 2] and tiled.h.shape.as_list() == [4]
    c, h = sess.run(tiled, {x: [[1, 2], [3, 4]]})
    assert c.tolist() == [[1, 2], [1, 2], [3, 4], [3, 4]] and h.tolist() == [1, 1, 2, 2]


# -------------------------------------------------------------------------------------------- loss


@pytest.mark.parametrize(
    ("flags", "reduce"),
    [
        ((True, True, False, False), lambda losses, w: losses.sum() / w.sum()),
        ((False, False, True, True), lambda losses, w: losses.sum() / np.count_nonzero(w)),
        ((True, False, False, False), lambda losses, w: losses.sum(1) / w.sum(1)),
        ((False, True, False, False), lambda losses, w: losses.sum(0) / w.sum(0)),
        ((False, False, True, False), lambda losses, w: losses.sum(1) / np.count_nonzero(w, 1)),
        ((False, True, True, False), lambda losses, w: losses.sum(0) / w.sum(0)),
        ((False, False, False, False), lambda losses, w: losses),
    ],
)
def test_sequence_loss(sess: tf.Session, flags: Any, reduce: Any) -> None:
    logits = RNG.normal(size=(BATCH, TIME, CLASSES)).astype(np.float32)
    targets = RNG.integers(0, CLASSES, (BATCH, TIME))
    weights = np.array([[1, 1, 1, 1], [1, 0.5, 0, 0], [2, 0, 0, 1]], np.float32)
    logs = np.log(softmax(logits))
    losses = -np.take_along_axis(logs, targets[:, :, None], 2)[:, :, 0] * weights
    found = sess.run(Seq.sequence_loss(tf.constant(logits), targets, weights, *flags))
    np.testing.assert_allclose(found, reduce(losses, weights), rtol=1e-5)


def test_misuse() -> None:
    memory = tf.zeros([2, 3, 4])
    cell = Cells.GRUCell(3)
    with pytest.raises(ValueError, match="Logits must be a"):
        Seq.sequence_loss(tf.zeros([2, 3]), tf.zeros([2, 3], tf.int32), tf.ones([2, 3]))
    with pytest.raises(ValueError, match="cannot be set to True at same time"):
        Seq.sequence_loss(
            tf.zeros([2, 3, 4]), tf.zeros([2, 3], tf.int32), tf.ones([2, 3]),
            sum_over_batch=True,
        )  # fmt: skip
    with pytest.raises(TypeError, match="Expected decoder to be type Decoder"):
        Seq.dynamic_decode(cell)
    with pytest.raises(TypeError, match="helper must be a Helper"):
        Seq.BasicDecoder(cell, None, tf.zeros([2, 3]))
    with pytest.raises(ValueError, match="to be a vector"):
        Seq.TrainingHelper(memory, [[1]])
    with pytest.raises(ValueError, match="start_tokens must be a vector"):
        Seq.GreedyEmbeddingHelper(tf.zeros([3, 4]), 1, 1)
    with pytest.raises(TypeError, match="only instances of AttentionMechanism"):
        Seq.AttentionWrapper(cell, cell)
    with pytest.raises(ValueError, match="saw: 2 vs 1"):
        Seq.AttentionWrapper(cell, Seq.LuongAttention(3, memory), [2, 2])
    with pytest.raises(TypeError, match="instance of AttentionWrapperState"):
        Seq.AttentionWrapper(cell, Seq.LuongAttention(3, memory))(tf.zeros([2, 3]), None)
    with pytest.raises(ValueError, match="memory must be"):
        Seq.LuongAttention(3, tf.zeros([2, 3]))
