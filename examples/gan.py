"""A generative adversarial network (Goodfellow and others, 2014) on the digits.

A generator makes images of noise, a discriminator tells them from real ones; each has an optimiser
of its own, for the variables of its scope. The generator's loss is that its images be taken for
real.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np

import graphc as tf

try:
    from examples import digits as data
    from examples.autoencoder import picture
except ImportError:  # run as a script: this folder is on the path
    import digits as data  # type: ignore[no-redef]
    from autoencoder import picture  # type: ignore[no-redef]

NOISE = 64


class Outcome(NamedTuple):
    """What came of it: how sure the discriminator is of real and made images, and how far the mean
    of made images is from that of real ones, at the beginning and at the end."""

    real: float
    made: float
    before: float
    after: float


def generator(noise, training):
    """784 pixels in (0, 1)."""
    with tf.variable_scope("generator"):
        hidden = tf.layers.dense(noise, 128, use_bias=False)
        hidden = tf.nn.relu(tf.layers.batch_normalization(hidden, training=training))
        return tf.layers.dense(hidden, 784, activation=tf.nn.sigmoid)


def discriminator(images):
    """The logit that images are real; calls share the variables."""
    with tf.variable_scope("discriminator", reuse=tf.AUTO_REUSE):
        hidden = tf.layers.dense(
            images, 128, activation=lambda x: tf.nn.leaky_relu(x, 0.2), name="hidden"
        )
        return tf.layers.dense(hidden, 1, name="logit")


def main(steps: int = 3000, batch_size: int = 64) -> Outcome:
    """Train both; prints losses and made digits, and returns the outcome."""
    tf.reset_default_graph()
    tf.set_random_seed(1)
    train, _ = data.load(held_back=2000)

    noise = tf.placeholder(tf.float32, [None, NOISE], name="noise")
    images = tf.placeholder(tf.float32, [None, 784], name="images")
    training = tf.placeholder_with_default(True, [], name="training")
    made = generator(noise, training)
    on_real, on_made = discriminator(images), discriminator(made)
    real_loss = tf.losses.sigmoid_cross_entropy(tf.ones_like(on_real), on_real, label_smoothing=0.1)
    made_loss = tf.losses.sigmoid_cross_entropy(tf.zeros_like(on_made), on_made)
    fool_loss = tf.losses.sigmoid_cross_entropy(tf.ones_like(on_made), on_made)
    own = {
        name: tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope=name)
        for name in ("generator", "discriminator")
    }
    judge = tf.train.AdamOptimizer(2e-4, beta1=0.5).minimize(
        real_loss + made_loss, var_list=own["discriminator"]
    )
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        fool = tf.train.AdamOptimizer(1e-3, beta1=0.5).minimize(
            fool_loss, var_list=own["generator"]
        )
    belief = [tf.reduce_mean(tf.sigmoid(x)) for x in (on_real, on_made)]

    numbers = np.random.default_rng(0)
    fixed = numbers.standard_normal((500, NOISE))
    typical = train.images.mean(0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())

        def distance() -> float:
            drawn = session.run(made, {noise: fixed})
            return float(np.abs(drawn.mean(0) - typical).mean())

        before = distance()
        for number in range(1, steps + 1):
            rows = numbers.integers(0, len(train), batch_size)
            feed = {noise: numbers.standard_normal((batch_size, NOISE)), images: train.images[rows]}
            session.run(judge, feed)
            _, value = session.run([fool, fool_loss], feed)
            if number % max(steps // 10, 1) == 0:
                real, fake = session.run(belief, feed)
                print(f"step {number:5}   generator's loss {value:.3f}   held to be real: "
                      f"{real:.2f} of the real, {fake:.2f} of the made")  # fmt: skip
        after = distance()
        samples = session.run(made, {noise: fixed[:100]})[:3]
    for lines in zip(*map(picture, samples), strict=True):
        print("  ".join(lines))
    print(f"mean of made digits from that of real ones, per pixel: {before:.3f} to {after:.3f}")
    return Outcome(float(real), float(fake), before, after)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args()
    main(options.steps, options.batch_size)
