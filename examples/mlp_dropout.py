"""A 784-256-128-10 network with dropout: half of each hidden layer is silent in each step.

Dropout sets a share of the activations to 0 while training and scales the others up, so that
nothing changes on average; at test time it does nothing. One placeholder says which it is.
"""

from __future__ import annotations

import argparse

import numpy as np

import graphc as tf

try:
    from examples import digits as data
except ImportError:  # run as a script: this folder is on the path
    import digits as data  # type: ignore[no-redef]


def main(epochs: int = 10, batch_size: int = 100, rate: float = 0.5) -> tuple[float, float]:
    """Train on 8,000 digits; prints and returns the accuracy on these and on 2,000 held back."""
    tf.reset_default_graph()
    tf.set_random_seed(1)
    train, test = data.load(held_back=2000)

    images = tf.placeholder(tf.float32, [None, 784], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    training = tf.placeholder_with_default(False, [], name="training")
    hidden = tf.layers.dense(images, 256, activation=tf.nn.relu, name="hidden_1")
    hidden = tf.layers.dropout(hidden, rate, training=training)
    hidden = tf.layers.dense(hidden, 128, activation=tf.nn.relu, name="hidden_2")
    hidden = tf.layers.dropout(hidden, rate, training=training)
    logits = tf.layers.dense(hidden, 10, name="logits")
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    correct = tf.equal(tf.argmax(logits, 1), labels)
    accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))
    step = tf.train.AdamOptimizer(1e-3).minimize(loss)

    generator = np.random.default_rng(0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for epoch in range(1, epochs + 1):
            losses = []
            for rows in data.batches(train, batch_size, generator):
                feed = {images: train.images[rows], labels: train.labels[rows], training: True}
                losses.append(session.run([loss, step], feed)[0])
            print(f"epoch {epoch:2}   loss with dropout {np.mean(losses):.4f}")
        seen, held_back = (
            float(session.run(accuracy, {images: d.images, labels: d.labels}))
            for d in (train, test)
        )
    print(f"accuracy   {seen:.2%} on the digits trained on, {held_back:.2%} on those held back")
    return seen, held_back


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--rate", type=float, default=0.5)
    options = parser.parse_args()
    main(options.epochs, options.batch_size, options.rate)
