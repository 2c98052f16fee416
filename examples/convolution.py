"""A convolutional network on real digits: two convolutions, two dense layers, dropout.

Written as TensorFlow 1 programs were: `tf.nn` on variables. It prints how training goes, and the
accuracy on 2,000 digits held back.
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


def weight_variable(shape):
    """A weight with a little noise, to break symmetry."""
    return tf.Variable(tf.truncated_normal(shape, stddev=0.1))


def bias_variable(shape):
    """A bias that is a little positive, to keep rectifiers alive."""
    return tf.Variable(tf.constant(0.1, shape=shape))


def convolved(x, width, channels):
    """relu(conv(x) + b) with 5x5 filters, then the maxima of 2x2 windows."""
    kernel = weight_variable([5, 5, width, channels])
    bias = bias_variable([channels])
    y = tf.nn.conv2d(x, kernel, strides=[1, 1, 1, 1], padding="SAME")
    active = tf.nn.relu(y + bias)
    return tf.nn.max_pool(active, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")


def network(images, keep_prob):
    """The logits [n, 10] of images [n, 784]."""
    x = tf.reshape(images, [-1, 28, 28, 1])
    x = convolved(x, 1, 32)
    x = convolved(x, 32, 64)
    flat = tf.reshape(x, [-1, 7 * 7 * 64])
    hidden = weight_variable([7 * 7 * 64, 1024])
    active = tf.nn.relu(tf.matmul(flat, hidden) + bias_variable([1024]))
    dropped = tf.nn.dropout(active, keep_prob)
    return tf.matmul(dropped, weight_variable([1024, 10])) + bias_variable([10])


def main(steps: int = 900, batch_size: int = 50, held_back: int = 2000) -> float:
    """Train, print what came of it, and return the accuracy on the digits held back."""
    train, test = data.load(held_back)
    tf.set_random_seed(1)
    images = tf.placeholder(tf.float32, [None, 784])
    labels = tf.placeholder(tf.int64, [None])
    keep_prob = tf.placeholder(tf.float32)

    logits = network(images, keep_prob)
    loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )
    global_step = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(1.5e-3, global_step, decay_steps=200, decay_rate=0.6)
    step = tf.train.AdamOptimizer(rate).minimize(loss, global_step=global_step)
    correct = tf.equal(tf.argmax(logits, 1), labels)
    accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))

    generator = np.random.default_rng(0)
    rows: list[np.ndarray] = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        started = time.perf_counter()
        for number in range(1, steps + 1):
            rows = rows or data.batches(train, batch_size, generator)
            chosen = rows.pop()
            feed = {images: train.images[chosen], labels: train.labels[chosen], keep_prob: 0.5}
            _, value = session.run([step, loss], feed)
            if number % 100 == 0 or number == steps:
                seconds = time.perf_counter() - started
                print(f"step {number:5}   loss {value:.4f}   {number / seconds:.1f} steps/s")
        parts = np.array_split(np.arange(len(test)), max(len(test) // 500, 1))
        shares = [
            session.run(accuracy, {images: test.images[p], labels: test.labels[p], keep_prob: 1.0})
            for p in parts
        ]
    result = float(np.average(shares, weights=[len(p) for p in parts]))
    print(f"accuracy on {len(test):,} held back digits   {result:.2%}")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--batch-size", type=int, default=50)
    options = parser.parse_args()
    main(options.steps, options.batch_size)
