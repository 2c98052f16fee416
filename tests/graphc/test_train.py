"""Optimizers against NumPy loops, slot names, learning rates, moving averages, the global step."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import graphc as tf
from graphc import train

STEPS = 4
RNG = np.random.default_rng(0)
START = RNG.normal(size=(4, 3))
# Hyperparameters below are exact in float32, the dtype that TF1 gives them whatever the variable's.
GRADIENTS = RNG.normal(size=(STEPS, 4, 3)) * np.array([1.0, 0.0, 2.0])
State = dict[str, np.ndarray]
Step = Callable[[State, np.ndarray, int], None]


def descent(s: State, g: np.ndarray, t: int) -> None:
    s["w"] = s["w"] - 0.25 * g


def momentum(s: State, g: np.ndarray, t: int) -> None:
    s["momentum"] = 0.875 * s["momentum"] + g
    s["w"] = s["w"] - 0.25 * s["momentum"]


def nesterov(s: State, g: np.ndarray, t: int) -> None:
    s["momentum"] = 0.875 * s["momentum"] + g
    s["w"] = s["w"] - 0.25 * (g + 0.875 * s["momentum"])


def adagrad(s: State, g: np.ndarray, t: int) -> None:
    s["accumulator"] = s["accumulator"] + g**2
    s["w"] = s["w"] - 0.25 * g / np.sqrt(s["accumulator"])


def rmsprop(s: State, g: np.ndarray, t: int) -> None:
    s["rms"] = 0.75 * s["rms"] + 0.25 * g**2
    s["momentum"] = 0.5 * s["momentum"] + 0.25 * g / np.sqrt(s["rms"] + 0.0078125)
    s["w"] = s["w"] - s["momentum"]


def centered(s: State, g: np.ndarray, t: int) -> None:
    s["mg"] = 0.75 * s["mg"] + 0.25 * g
    s["rms"] = 0.75 * s["rms"] + 0.25 * g**2
    variance = s["rms"] - s["mg"] ** 2 + 0.0078125
    s["momentum"] = 0.5 * s["momentum"] + 0.25 * g / np.sqrt(variance)
    s["w"] = s["w"] - s["momentum"]


def adam(s: State, g: np.ndarray, t: int) -> None:
    s["m"] = 0.75 * s["m"] + 0.25 * g
    s["v"] = 0.875 * s["v"] + 0.125 * g**2
    rate = 0.25 * math.sqrt(1 - 0.875**t) / (1 - 0.75**t)
    s["w"] = s["w"] - rate * s["m"] / (np.sqrt(s["v"]) + 0.0078125)


def adadelta(s: State, g: np.ndarray, t: int) -> None:
    s["accum"] = 0.75 * s["accum"] + 0.25 * g**2
    update = np.sqrt(s["accum_update"] + 0.0078125) / np.sqrt(s["accum"] + 0.0078125) * g
    s["accum_update"] = 0.75 * s["accum_update"] + 0.25 * update**2
    s["w"] = s["w"] - 0.25 * update


def ftrl(power: float, shrinkage: float) -> Step:
    def step(s: State, g: np.ndarray, t: int) -> None:
        new = s["accum"] + g**2
        sigma = (new**-power - s["accum"] ** -power) / 0.25
        s["linear"] = s["linear"] + g + 2 * shrinkage * s["w"] - sigma * s["w"]
        quadratic = new**-power / 0.25 + 2 * 0.03125
        pulled = (np.sign(s["linear"]) * 0.0625 - s["linear"]) / quadratic
        s["w"] = np.where(np.abs(s["linear"]) > 0.0625, pulled, 0)
        s["accum"] = new

    return step


def shrunk(p: np.ndarray, rate: Any) -> np.ndarray:
    return np.sign(p) * np.maximum(np.abs(p) - rate * 0.0625, 0) / (1 + rate * 0.03125)


def proximal_descent(s: State, g: np.ndarray, t: int) -> None:
    s["w"] = shrunk(s["w"] - 0.25 * g, 0.25)


def proximal_adagrad(s: State, g: np.ndarray, t: int) -> None:
    s["accumulator"] = s["accumulator"] + g**2
    rate = 0.25 / np.sqrt(s["accumulator"])
    s["w"] = shrunk(s["w"] - rate * g, rate)


# name -> (optimizer, the step in NumPy, initial slots)
CASES: dict[str, tuple[Callable[[], train.Optimizer], Step, dict[str, float]]] = {
    "descent": (lambda: train.GradientDescentOptimizer(0.25), descent, {}),
    "momentum": (lambda: train.MomentumOptimizer(0.25, 0.875), momentum, {"momentum": 0}),
    "nesterov": (
        lambda: train.MomentumOptimizer(0.25, 0.875, use_nesterov=True), nesterov, {"momentum": 0},
    ),
    "adagrad": (lambda: train.AdagradOptimizer(0.25, 0.125), adagrad, {"accumulator": 0.125}),
    "rmsprop": (
        lambda: train.RMSPropOptimizer(0.25, 0.75, 0.5, 0.0078125),
        rmsprop, {"rms": 1, "momentum": 0},
    ),
    "centered": (
        lambda: train.RMSPropOptimizer(0.25, 0.75, 0.5, 0.0078125, centered=True),
        centered, {"rms": 1, "mg": 0, "momentum": 0},
    ),
    "adam": (lambda: train.AdamOptimizer(0.25, 0.75, 0.875, 0.0078125), adam, {"m": 0, "v": 0}),
    "adadelta": (
        lambda: train.AdadeltaOptimizer(0.25, 0.75, 0.0078125),
        adadelta, {"accum": 0, "accum_update": 0},
    ),
    "ftrl": (
        lambda: train.FtrlOptimizer(
            0.25, -0.5, 0.125, l1_regularization_strength=0.0625, l2_regularization_strength=0.03125
        ),
        ftrl(-0.5, 0.0), {"accum": 0.125, "linear": 0},
    ),
    "ftrl-power": (
        lambda: train.FtrlOptimizer(0.25, -0.375, 0.125, 0.0625, 0.03125,
                                    l2_shrinkage_regularization_strength=0.015625),
        ftrl(-0.375, 0.015625), {"accum": 0.125, "linear": 0},
    ),
    "proximal": (
        lambda: train.ProximalGradientDescentOptimizer(0.25, 0.0625, 0.03125), proximal_descent, {},
    ),
    "proximal-adagrad": (
        lambda: train.ProximalAdagradOptimizer(0.25, 0.125, 0.0625, 0.03125),
        proximal_adagrad, {"accumulator": 0.125},
    ),
}  # fmt: skip
# Rows whose gradient is 0 are not touched by a sparse step, though a dense one changes them (Adam's
# is dense in TF1 too).
DENSE_WHEN_SPARSE = ("adam",)


@pytest.fixture(autouse=True)
def graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def session() -> tf.Session:
    made = tf.Session(target="numpy")
    made.run(tf.global_variables_initializer())
    return made


def start_of(slots: dict[str, float]) -> State:
    return {"w": START.copy(), **{name: np.full_like(START, v) for name, v in slots.items()}}


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_dense_steps(case: str, dtype: Any) -> None:
    make, step, slots = CASES[case]
    variable = tf.Variable(START, dtype=dtype, name="w")
    gradient = tf.placeholder(dtype, [4, 3])
    optimizer = make()
    update = optimizer.apply_gradients([(gradient, variable)])
    state = start_of(slots)
    assert optimizer.get_slot_names() == sorted(slots)
    with session() as sess:
        for t, g in enumerate(GRADIENTS, 1):
            sess.run(update, {gradient: g})
            step(state, g, t)
            tolerance = 1e-4 if dtype is tf.float32 else 1e-10
            np.testing.assert_allclose(sess.run(variable), state["w"], tolerance, tolerance)
            for name in slots:
                found = sess.run(optimizer.get_slot(variable, name))
                np.testing.assert_allclose(found, state[name], tolerance, tolerance)


@pytest.mark.parametrize("case", CASES)
def test_sparse_steps(case: str) -> None:
    """Rows 2 and 0 change; row 2 has two gradients, which add up."""
    make, step, slots = CASES[case]
    variable = tf.Variable(START, name="w")
    rows = tf.placeholder(tf.float64, [3, 3])
    slices = tf.IndexedSlices(rows, tf.constant([2, 0, 2]), tf.shape(variable))
    optimizer = make()
    update = optimizer.apply_gradients([(slices, variable)])
    state = start_of(slots)
    with session() as sess:
        for t, g in enumerate(GRADIENTS, 1):
            sess.run(update, {rows: g[:3]})
            whole = np.zeros_like(START)
            whole[0], whole[2] = g[1], g[0] + g[2]
            before = {name: value.copy() for name, value in state.items()}
            step(state, whole, t)
            if case not in DENSE_WHEN_SPARSE:
                for name in state:
                    state[name][[1, 3]] = before[name][[1, 3]]
        np.testing.assert_allclose(sess.run(variable), state["w"], 1e-9, 1e-9)
        for name in slots:
            found = sess.run(optimizer.get_slot(variable, name))
            np.testing.assert_allclose(found, state[name], 1e-9, 1e-9)


def test_a_row_out_of_range_is_an_error() -> None:
    variable = tf.Variable(START, name="w")
    slices = tf.IndexedSlices(tf.constant(START[:1]), tf.constant([4]), tf.shape(variable))
    update = train.AdagradOptimizer(0.1).apply_gradients([(slices, variable)])
    with session() as sess, pytest.raises(tf.errors.InvalidArgumentError):
        sess.run(update)


# ------------------------------------------------------------------------------------------- names


def loss_of_two() -> tuple[tf.Tensor, list[Any]]:
    with tf.variable_scope("layer"):
        w = tf.get_variable("W", [2])
    b = tf.Variable([1.0, 2.0], name="b")
    return tf.reduce_sum(tf.square(w) + b), [w, b]


def test_slots_are_named_after_variables() -> None:
    loss, (w, b) = loss_of_two()
    optimizer = train.AdamOptimizer()
    step = optimizer.minimize(loss)
    assert step.name == "Adam"
    assert step in tf.get_collection(tf.GraphKeys.TRAIN_OP)
    assert [v.name for v in optimizer.variables()] == [
        "b/Adam:0", "b/Adam_1:0", "beta1_power:0", "beta2_power:0",
        "layer/W/Adam:0", "layer/W/Adam_1:0",
    ]  # fmt: skip
    assert optimizer.get_slot(w, "v").op.name == "layer/W/Adam_1"
    assert optimizer.get_slot(b, "none") is None
    assert not any(v in tf.trainable_variables() for v in optimizer.variables())
    second = train.AdamOptimizer()
    second.minimize(loss, name="again")
    assert second.get_slot(w, "m").op.name == "layer/W/Adam_2"
    assert [v.name for v in second.variables()][2:4] == ["beta1_power_1:0", "beta2_power_1:0"]


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: train.MomentumOptimizer(1.0, 0.5), ["W/Momentum"]),
        (lambda: train.AdagradOptimizer(1.0), ["W/Adagrad"]),
        (lambda: train.RMSPropOptimizer(1.0), ["W/RMSProp", "W/RMSProp_1"]),
        (lambda: train.AdadeltaOptimizer(1.0), ["W/Adadelta", "W/Adadelta_1"]),
        (lambda: train.FtrlOptimizer(1.0), ["W/Ftrl", "W/Ftrl_1"]),
        (lambda: train.AdamOptimizer(name="Mine"), ["W/Mine", "W/Mine_1"]),
    ],
)
def test_slot_names(make: Callable[[], train.Optimizer], names: list[str]) -> None:
    w = tf.get_variable("W", [2])
    optimizer = make()
    optimizer.minimize(tf.reduce_sum(w))
    found = [v.op.name for v in optimizer.variables() if v.op.name.startswith("W/")]
    assert found == names


def test_slots_follow_the_variable_scope() -> None:
    w = tf.get_variable("W", [2])
    with tf.variable_scope("train"):
        optimizer = train.MomentumOptimizer(0.1, 0.9)
        step = optimizer.minimize(tf.reduce_sum(w))
    assert step.name == "train/Momentum"
    assert optimizer.get_slot(w, "momentum").op.name == "train/W/Momentum"


# --------------------------------------------------------------------------------------- protocol


def test_minimize_counts_steps_and_leaves_others_alone() -> None:
    loss, (w, b) = loss_of_two()
    count = train.get_or_create_global_step()
    step = train.GradientDescentOptimizer(0.5).minimize(loss, global_step=count, var_list=[b])
    with session() as sess:
        before = sess.run(w)
        assert sess.run(step) is None
        sess.run(step)
        assert sess.run(count) == 2
        assert np.array_equal(sess.run(w), before)
        np.testing.assert_allclose(sess.run(b), [0.0, 1.0])


def test_gradients_are_processed_between() -> None:
    loss, (w, b) = loss_of_two()
    unused = tf.Variable(1.0, name="unused")
    optimizer = train.GradientDescentOptimizer(tf.constant(1.0))
    pairs = optimizer.compute_gradients(loss)
    assert [v for _, v in pairs] == [w, b, unused]
    assert pairs[2][0] is None
    step = optimizer.apply_gradients([(None if g is None else g * 0.25, v) for g, v in pairs])
    with session() as sess:
        before = sess.run(w)
        sess.run(step)
        np.testing.assert_allclose(sess.run(w), before * 0.5)
        np.testing.assert_allclose(sess.run(b), [0.75, 1.75])


def test_every_gradient_is_taken_before_the_step() -> None:
    a, b = tf.Variable(2.0, name="a"), tf.Variable(3.0, name="b")
    step = train.GradientDescentOptimizer(1.0).minimize(a * b)
    with session() as sess:
        sess.run(step)
        assert sess.run([a, b]) == [-1.0, 1.0]


@pytest.mark.parametrize("gate", [train.Optimizer.GATE_NONE, train.Optimizer.GATE_GRAPH])
def test_gates_and_grad_loss(gate: int) -> None:
    w = tf.Variable(2.0, name="w")
    step = train.GradientDescentOptimizer(1.0).minimize(
        3 * w, gate_gradients=gate, grad_loss=tf.constant(0.5)
    )
    with session() as sess:
        sess.run(step)
        assert sess.run(w) == pytest.approx(0.5)


def test_learning_rate_may_be_fed_and_constraints_hold() -> None:
    w = tf.Variable([2.0, -2.0], name="w", constraint=lambda x: tf.maximum(x, 0.0))
    rate = tf.placeholder(tf.float32, [])
    step = train.GradientDescentOptimizer(rate).minimize(tf.reduce_sum(w))
    with session() as sess:
        sess.run(step, {rate: 0.5})
        assert sess.run(w).tolist() == [1.5, 0.0]


def test_errors() -> None:
    optimizer = train.GradientDescentOptimizer(0.1)
    with pytest.raises(ValueError, match="No variables to optimize"):
        optimizer.minimize(tf.constant(1.0))
    w = tf.Variable(1.0, name="w")
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.minimize(tf.constant(1.0))
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.apply_gradients([(None, w)])
    with pytest.raises(ValueError, match="No variables provided"):
        optimizer.apply_gradients([])
    with pytest.raises(ValueError, match="gate_gradients"):
        optimizer.minimize(w * 2.0, gate_gradients=7)
    with pytest.raises(ValueError, match="Invalid type"):
        optimizer.minimize(tf.cast(w, tf.int32))
    with pytest.raises(ValueError, match="Must specify the optimizer name"):
        train.GradientDescentOptimizer(0.1, name="")
    with pytest.raises(NotImplementedError, match="Trying to update a Tensor"):
        optimizer.apply_gradients([(tf.constant(1.0), tf.constant(1.0))])


def test_an_optimizer_of_the_users_own() -> None:
    class Sign(train.Optimizer):
        def _apply_dense(self, grad: tf.Tensor, var: Any) -> Any:
            return var.assign_sub(tf.sign(grad))

    w = tf.Variable([2.0, -2.0], name="w")
    step = Sign(False, "Sign").minimize(tf.reduce_sum(w * w))
    with session() as sess:
        sess.run(step)
        assert sess.run(w).tolist() == [1.0, -1.0]


# --------------------------------------------------------------------------------- learning rates


@pytest.mark.parametrize("step", [0, 3, 10, 25])
@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        (lambda s: train.exponential_decay(0.1, s, 10, 0.5), lambda t: 0.1 * 0.5 ** (t / 10)),
        (
            lambda s: train.exponential_decay(0.1, s, 10, 0.5, staircase=True),
            lambda t: 0.1 * 0.5 ** (t // 10),
        ),
        (
            lambda s: train.natural_exp_decay(0.1, s, 10, 0.5),
            lambda t: 0.1 * math.exp(-0.5 * t / 10),
        ),
        (lambda s: train.inverse_time_decay(0.1, s, 10, 0.5), lambda t: 0.1 / (1 + 0.5 * t / 10)),
        (
            lambda s: train.polynomial_decay(0.1, s, 10, 0.01, 2.0),
            lambda t: 0.09 * (1 - min(t, 10) / 10) ** 2 + 0.01,
        ),
        (
            lambda s: train.polynomial_decay(0.1, s, 10, 0.01, cycle=True),
            lambda t: 0.09 * (1 - t / (10 * max(math.ceil(t / 10), 1))) + 0.01,
        ),
        (
            lambda s: train.piecewise_constant(s, [3, 10], [1.0, 0.5, 0.1]),
            lambda t: 1.0 if t <= 3 else 0.5 if t <= 10 else 0.1,
        ),
        (
            lambda s: train.cosine_decay(0.1, s, 10, 0.2),
            lambda t: 0.1 * (0.8 * 0.5 * (1 + math.cos(math.pi * min(t, 10) / 10)) + 0.2),
        ),
    ],
)
def test_learning_rates(decay: Any, expected: Any, step: int) -> None:
    count = tf.Variable(step, name="step", trainable=False, dtype=tf.int64)
    rate = decay(count)
    with session() as sess:
        assert sess.run(rate) == pytest.approx(expected(step), rel=1e-5)


def test_learning_rates_need_a_step() -> None:
    with pytest.raises(ValueError, match="global_step is required"):
        train.exponential_decay(0.1, None, 10, 0.5)
    with pytest.raises(ValueError, match="boundaries should be 1 less"):
        train.piecewise_constant(tf.constant(1), [1], [0.1])
    with pytest.raises(ValueError, match="same dtype"):
        train.piecewise_constant(tf.constant(1), [1.0], [0.1, 0.2])


# -------------------------------------------------------------------------------- moving averages


def test_moving_average_of_variables_after_the_step() -> None:
    w = tf.Variable([4.0], name="w")
    step = train.GradientDescentOptimizer(1.0).minimize(tf.reduce_sum(w))
    average = train.ExponentialMovingAverage(0.75)
    with tf.control_dependencies([step]):
        update = average.apply([w])
    shadow = average.average(w)
    assert shadow.op.name == average.average_name(w) == "w/ExponentialMovingAverage"
    assert tf.moving_average_variables() == [w]
    with session() as sess:
        assert sess.run(shadow).tolist() == [4.0]
        sess.run(update)  # sees w after the step
        np.testing.assert_allclose(sess.run(shadow), [0.75 * 4 + 0.25 * 3])
    assert average.variables_to_restore() == {"w/ExponentialMovingAverage": w, shadow.op.name: w}


def test_decay_is_bounded_by_the_number_of_updates() -> None:
    w = tf.Variable(1.0, name="w")
    count = tf.Variable(0, name="count", trainable=False)
    average = train.ExponentialMovingAverage(0.99, num_updates=count)
    update = average.apply()
    with session() as sess:
        sess.run(w.assign(11.0))
        sess.run(update)
        assert sess.run(average.average(w)) == pytest.approx(0.1 * 1 + 0.9 * 11)


def test_average_of_a_tensor_without_bias() -> None:
    x = tf.placeholder(tf.float32, [2], name="x")
    average = train.ExponentialMovingAverage(0.9, zero_debias=True)
    update = average.apply([x])
    assert sorted(v.op.name for v in tf.global_variables()) == [
        "x/ExponentialMovingAverage",
        "x/ExponentialMovingAverage/biased",
        "x/ExponentialMovingAverage/local_step",
    ]
    with session() as sess:
        for value, expected in ((3.0, 3.0), (5.0, (0.09 * 3 + 0.1 * 5) / 0.19)):
            sess.run(update, {x: [value, 0.0]})
            assert sess.run(average.average(x))[0] == pytest.approx(expected, rel=1e-5)


def test_integers_have_no_moving_average() -> None:
    w = tf.Variable(1, name="w")
    with pytest.raises(TypeError, match="must be half, float, or double"):
        train.ExponentialMovingAverage(0.9).apply([w])


# ------------------------------------------------------------------------------------ global step


def test_global_step() -> None:
    assert train.get_global_step() is None
    step = train.create_global_step()
    assert step.name == "global_step:0"
    assert step.dtype is tf.int64
    assert train.get_global_step() is step
    assert train.get_or_create_global_step() is step
    with pytest.raises(ValueError, match="already exists"):
        train.create_global_step()
    with session() as sess:
        sess.run(step.assign_add(3))
        assert train.global_step(sess, step) == 3


def test_global_step_by_name() -> None:
    step = tf.Variable(0, name="global_step", trainable=False)
    assert train.get_global_step() is step
    with pytest.raises(TypeError, match="does not have integer type"):
        train.assert_global_step(tf.Variable(0.0))


def test_noisy_linear_cosine_decay(sess: tf.Session) -> None:
    step = tf.placeholder(tf.int64, [])
    plain = tf.train.linear_cosine_decay(0.1, step, 100, num_periods=2)
    calm = tf.train.noisy_linear_cosine_decay(0.1, step, 100, 0.0, num_periods=2)
    noisy = tf.train.noisy_linear_cosine_decay(0.1, step, 100, variance_decay=2.0)
    for number in (0, 30, 150):
        first, second = sess.run([plain, calm], {step: number})
        assert first == pytest.approx(second, rel=1e-6)
    early, late = ([sess.run(noisy, {step: n}) for _ in range(200)] for n in (1, 20))
    assert 0.03 < np.std(early) < 0.07 and 0.001 < np.std(late) < 0.006
