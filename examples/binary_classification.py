"""A 2-10-1 network that tells three points apart by binary cross entropy, with step decay.

The loss takes logits: the sigmoid is part of it (`tf.losses.sigmoid_cross_entropy`). Without a
sigmoid anywhere outputs are no probabilities, and their logarithms need not exist. The learning
rate is multiplied by 0.5 every 200 steps.
"""

from __future__ import annotations

import argparse

import numpy as np

import graphc as tf

POINTS = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
LABELS = np.array([[0], [1], [0]], np.float32)


def main(steps: int = 1000) -> tuple[float, float, float]:
    """Train; prints and returns the last loss, the accuracy and the last learning rate."""
    tf.reset_default_graph()
    tf.set_random_seed(4)
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    y = tf.placeholder(tf.float32, [None, 1], name="y")
    hidden = tf.layers.dense(x, 10, activation=tf.nn.relu)
    logits = tf.layers.dense(hidden, 1)
    loss = tf.losses.sigmoid_cross_entropy(y, logits)
    number = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(0.05, number, 200, 0.5, staircase=True)
    step = tf.train.AdamOptimizer(rate).minimize(loss, global_step=number)
    predicted = tf.round(tf.sigmoid(logits))
    accuracy = tf.reduce_mean(tf.cast(tf.equal(predicted, y), tf.float32))

    feed = {x: POINTS, y: LABELS}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(steps):
            done, used, value, _ = session.run([number, rate, loss, step], feed)
            if (done + 1) % max(steps // 10, 1) == 0:
                print(f"step {done + 1:4}   learning rate {used:.5f}   loss {value:.4f}")
        result = float(session.run(accuracy, feed))
    print(f"accuracy {result:.4f}")
    return float(value), result, float(used)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    main(parser.parse_args().steps)
