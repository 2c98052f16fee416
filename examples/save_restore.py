"""Saving a model while it trains, and going on from there in another session.

Written as a TensorFlow 1 program. The files are TensorFlow's: `checkpoint` names the latest of
them, the last three are kept.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

import graphc as tf

try:
    from examples import digits as data
except ImportError:  # run as a script: this folder is on the path
    import digits as data  # type: ignore[no-redef]


def build():
    """A small network: its placeholders, training step and accuracy."""
    tf.reset_default_graph()
    tf.set_random_seed(1)
    images = tf.placeholder(tf.float32, [None, 784], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    kernel = tf.get_variable("kernel", [784, 10], initializer=tf.zeros_initializer())
    bias = tf.get_variable("bias", [10], initializer=tf.zeros_initializer())
    logits = tf.matmul(images, kernel) + bias
    loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )
    step = tf.train.AdamOptimizer(1e-3).minimize(loss, tf.train.get_or_create_global_step())
    hits = tf.cast(tf.equal(tf.argmax(logits, 1), labels), tf.float32)
    return images, labels, step, tf.reduce_mean(hits)


def train(folder: Path, epochs: int, batch_size: int = 100) -> tuple[int, float, float]:
    """Train from the latest checkpoint in `folder` on, or from the beginning if there is none.

    Returns:
        The number of steps made so far, and the accuracies before and after.
    """
    digits, test = data.load(held_back=2000)
    images, labels, step, accuracy = build()
    held_back = {images: test.images, labels: test.labels}
    count = tf.train.get_global_step()
    saver = tf.train.Saver(max_to_keep=3)
    generator = np.random.default_rng(0)
    with tf.Session() as session:
        latest = tf.train.latest_checkpoint(str(folder))
        if latest is None:
            session.run(tf.global_variables_initializer())
        else:
            saver.restore(session, latest)
        before = float(session.run(accuracy, held_back))
        for _ in range(epochs):
            for rows in data.batches(digits, batch_size, generator):
                session.run(step, {images: digits.images[rows], labels: digits.labels[rows]})
            saver.save(session, str(folder / "model"), global_step=count)
        return int(session.run(count)), before, float(session.run(accuracy, held_back))


def main(epochs: int = 3, folder: Path | None = None) -> list[tuple[int, float, float]]:
    """Train twice for some epochs; prints and returns what both calls of `train` gave."""
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        results = []
        for _ in range(2):
            steps, before, after = train(place, epochs)
            print(f"{before:.2%} on held back digits, after {steps} steps {after:.2%}")
            results.append((steps, before, after))
        latest = tf.train.latest_checkpoint(str(place))
        for name, shape in tf.train.list_variables(latest):
            print(f"{name:15} {shape}")
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="default: a temporary one")
    options = parser.parse_args()
    main(options.epochs, options.folder)
