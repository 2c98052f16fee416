"""A transformer's encoder that reads a digit as 28 rows of 28 pixels.

Each row becomes a vector, to which what is learned for its place is added; blocks of attention and
of dense layers follow, each with a residual connection and layer normalisation (Vaswani et al.
2017). The mean over the rows is classified.

    python examples/transformer.py --epochs 5
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from rich.progress import track

import graphc as tf

try:
    from examples import digits
except ImportError:  # run as a script: this folder is on the path
    import digits  # type: ignore[no-redef]

ROWS, WIDTH, HEADS, INNER, BLOCKS, CLASSES = 28, 64, 4, 128, 2, 10
DEPTH = WIDTH // HEADS
BATCH = 100


def weights(name: str, *shape: int) -> tf.Variable:
    return tf.get_variable(name, shape, initializer=tf.glorot_uniform_initializer())


def dense(x: tf.Tensor, name: str, outputs: int) -> tf.Tensor:
    """A layer over the last axis of [n, inputs]."""
    with tf.variable_scope(name):
        bias = tf.get_variable("bias", [outputs], initializer=tf.zeros_initializer())
        return tf.matmul(x, weights("kernel", x.shape[1].value, outputs)) + bias


def normalized(x: tf.Tensor, name: str) -> tf.Tensor:
    """Layer normalisation of [n, WIDTH]."""
    with tf.variable_scope(name):
        scale = tf.get_variable("scale", [WIDTH], initializer=tf.ones_initializer())
        offset = tf.get_variable("offset", [WIDTH], initializer=tf.zeros_initializer())
        mean, variance = tf.nn.moments(x, [1], keep_dims=True)
        return (x - mean) * tf.rsqrt(variance + 1e-5) * scale + offset


def attention(x: tf.Tensor) -> tf.Tensor:
    """Each row of a digit looks at all its rows, by HEADS measures of likeness at once."""

    def heads(name: str) -> tf.Tensor:
        split = tf.reshape(dense(x, name, WIDTH), [-1, ROWS, HEADS, DEPTH])
        return tf.transpose(split, [0, 2, 1, 3])

    query, key, value = heads("query"), heads("key"), heads("value")
    likeness = tf.nn.softmax(tf.matmul(query, key, transpose_b=True) * DEPTH**-0.5)
    seen = tf.transpose(tf.matmul(likeness, value), [0, 2, 1, 3])
    return dense(tf.reshape(seen, [-1, WIDTH]), "output", WIDTH)


def encoder(images: tf.Tensor) -> tf.Tensor:
    """Logits [batch, CLASSES] of images [batch, 784]."""
    x = dense(tf.reshape(images, [-1, ROWS]), "rows", WIDTH)
    places = weights("places", ROWS, WIDTH)
    x = tf.reshape(tf.reshape(x, [-1, ROWS, WIDTH]) + places, [-1, WIDTH])
    for number in range(BLOCKS):
        with tf.variable_scope(f"block_{number}"):
            x = normalized(x + attention(x), "after_attention")
            inner = tf.nn.relu(dense(x, "inner", INNER))
            x = normalized(x + dense(inner, "outer", WIDTH), "after_dense")
    return dense(tf.reduce_mean(tf.reshape(x, [-1, ROWS, WIDTH]), 1), "logits", CLASSES)


def main(epochs: int = 5, images: int | None = None) -> float:
    """Train and return the accuracy on the held-back digits.

    images: how many digits to train on; None for all.
    """
    tf.reset_default_graph()
    tf.set_random_seed(1)
    train, test = digits.load()
    if images is not None:
        train = digits.Digits(train.images[:images], train.labels[:images])
    x = tf.placeholder(tf.float32, [None, 784], name="images")
    y = tf.placeholder(tf.int64, [None], name="labels")
    logits = encoder(x)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    loss = tf.reduce_mean(losses)
    step = tf.train.AdamOptimizer(2e-3).minimize(loss)
    right = tf.cast(tf.equal(tf.argmax(logits, 1), y), tf.float32)
    accuracy = tf.reduce_mean(right)
    generator = np.random.default_rng(0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        begin = time.perf_counter()
        for epoch in range(epochs):
            seen = []
            batches = digits.batches(train, BATCH, generator)
            for rows in track(batches, f"epoch {epoch + 1}", transient=True):
                feeds = {x: train.images[rows], y: train.labels[rows]}
                seen.append(session.run([loss, step], feeds)[0])
            reached = session.run(accuracy, {x: test.images, y: test.labels})
            print(f"epoch {epoch + 1}: loss {np.mean(seen):.3f}, accuracy {reached:.2%}")
        print(f"training took {time.perf_counter() - begin:.1f} s")
        return float(reached)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    main(parser.parse_args().epochs)
