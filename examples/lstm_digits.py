"""A recurrent network reads real digits row by row: 28 steps of 28 pixels.

Written as a TensorFlow 1 program: an LSTM in `tf.nn.dynamic_rnn`, its last output classified.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import graphc as tf

try:
    from examples import digits as data
except ImportError:  # run as a script: this folder is on the path
    import digits as data  # type: ignore[no-redef]

STEPS = PIXELS = 28


def main(epochs: int = 4, units: int = 128, batch_size: int = 100) -> float:
    """Train on 8,000 digits; prints and returns the accuracy on 2,000 held back."""
    tf.reset_default_graph()
    tf.set_random_seed(1)
    train, test = data.load(held_back=2000)

    images = tf.placeholder(tf.float32, [None, STEPS * PIXELS], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    rows = tf.reshape(images, [-1, STEPS, PIXELS])
    cell = tf.nn.rnn_cell.BasicLSTMCell(units)
    outputs, _ = tf.nn.dynamic_rnn(cell, rows, dtype=tf.float32)
    kernel = tf.get_variable("kernel", [units, 10])
    bias = tf.get_variable("bias", [10], initializer=tf.zeros_initializer())
    logits = tf.nn.xw_plus_b(outputs[:, -1], kernel, bias)
    loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )
    step = tf.train.AdamOptimizer(2e-3).minimize(loss)
    hits = tf.cast(tf.equal(tf.argmax(logits, 1), labels), tf.float32)
    accuracy = tf.reduce_mean(hits)

    generator = np.random.default_rng(0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for epoch in range(1, epochs + 1):
            losses, started = [], time.perf_counter()
            for batch in data.batches(train, batch_size, generator):
                feed = {images: train.images[batch], labels: train.labels[batch]}
                losses.append(session.run([step, loss], feed)[1])
            rate = len(losses) / (time.perf_counter() - started)
            print(f"epoch {epoch:2}   loss {np.mean(losses):.4f}   {rate:.0f} steps/s")
        result = float(session.run(accuracy, {images: test.images, labels: test.labels}))
    print(f"accuracy on {len(test):,} held back digits   {result:.2%}")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=100)
    options = parser.parse_args()
    main(options.epochs, options.units, options.batch_size)
