"""Examples of layers, losses, metrics and training at reduced size."""

from collections.abc import Iterator

import numpy as np
import pytest

import graphc as tf
from examples import (
    activations,
    autoencoder,
    binary_classification,
    classifier_metrics,
    descent_on_four_points,
    gan,
    hand_written_backward,
    initial_values,
    mlp_batch_norm,
    mlp_dropout,
    optimizer_formulas,
    small_classifier,
    vae,
    worked_backward,
)


@pytest.fixture(autouse=True)
def _fresh_graph() -> Iterator[None]:
    tf.reset_default_graph()
    yield
    tf.reset_default_graph()


def test_mlp_dropout() -> None:
    seen, held_back = mlp_dropout.main(epochs=2)
    assert seen > 0.90 and held_back > 0.90


def test_mlp_batch_norm() -> None:
    accuracy, apart = mlp_batch_norm.main(epochs=1)
    assert accuracy > 0.90 and apart < 0.2


def test_binary_classification() -> None:
    loss, accuracy, rate = binary_classification.main(steps=500)
    assert loss < 0.1 and accuracy == 1 and rate == pytest.approx(0.05 / 4)


def test_classifier_metrics() -> None:
    report = classifier_metrics.main(steps=200)
    right = report.matrix.diagonal().sum()
    assert report.accuracy == pytest.approx(right / report.matrix.sum()) and right > 1800
    assert report.precision == pytest.approx(report.matrix[1, 1] / report.matrix[:, 1].sum())
    assert report.recall == pytest.approx(report.matrix[1, 1] / report.matrix[1].sum())
    shares = report.precision, report.recall
    assert min(shares) <= report.f1 <= max(shares) and report.auc > 0.95
    assert (np.diff(report.curve, axis=0) >= 0).all()


def test_autoencoder() -> None:
    error, plain = autoencoder.main(epochs=2)
    assert error < 0.7 * plain


def test_vae() -> None:
    first, held_back = vae.main(epochs=1)
    assert held_back < first < 300


def test_gan() -> None:
    outcome = gan.main(steps=150)
    assert outcome.after < 0.7 * outcome.before
    assert 0 < outcome.made < 1 and 0 < outcome.real < 1


def test_hand_written_backward() -> None:
    apart, loss = hand_written_backward.main(steps=1000)
    assert apart < 1e-12 and loss < 0.05


def test_worked_backward() -> None:
    hand, graph = worked_backward.main()
    for a, b in zip(hand.layers + hand.gradients, graph.layers + graph.gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert hand.loss == pytest.approx(0.2300168) and graph.loss == pytest.approx(hand.loss)
    assert graph.after == pytest.approx(hand.after) and graph.after < graph.loss


def test_optimizer_formulas() -> None:
    assert max(optimizer_formulas.main(steps=20).values()) < 1e-5


def test_activations() -> None:
    assert activations.main() < 1e-12


def test_initial_values() -> None:
    found = initial_values.main(units=128)
    assert 0.1 < found["tanh", "Xavier uniform"] < 0.4 < found["relu", "He normal"] < 1.5
    assert found["relu", "normal, deviation 0.01"] < 1e-6
    assert found["relu", "normal, deviation 1"] > 1e6


def test_small_classifier() -> None:
    accuracy, before, after = small_classifier.main(epochs=10)
    assert accuracy > 0.9 and after < before


def test_descent_on_four_points() -> None:
    loss, by_rule, expected = descent_on_four_points.main()
    assert loss < 1e-3 and by_rule == pytest.approx(expected, rel=1e-4)
