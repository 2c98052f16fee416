"""Why weights start as they do: how large activations are after ten layers.

Weights that are too small or too large make activations vanish or saturate. Xavier's initial values
keep their variance through tanh layers, He's (twice the variance) through relu layers.
"""

from __future__ import annotations

import argparse

import numpy as np

import graphc as tf

STARTS = {
    "normal, deviation 0.01": lambda: tf.random_normal_initializer(stddev=0.01, seed=1),
    "normal, deviation 1": lambda: tf.random_normal_initializer(stddev=1.0, seed=1),
    "Xavier uniform": lambda: tf.glorot_uniform_initializer(seed=1),
    "Xavier normal": lambda: tf.glorot_normal_initializer(seed=1),
    "He normal": lambda: tf.initializers.he_normal(seed=1),
}


def main(layers: int = 10, units: int = 256) -> dict[tuple[str, str], float]:
    """Print and return the deviation of the last layer's activations, by initial values and
    activation."""
    x_data = np.random.default_rng(0).standard_normal((500, units)).astype(np.float32)
    found = {}
    for activation in (tf.tanh, tf.nn.relu):
        for name, make in STARTS.items():
            tf.reset_default_graph()
            hidden = x = tf.placeholder(tf.float32, [None, units])
            for _ in range(layers):
                hidden = tf.layers.dense(hidden, units, activation, kernel_initializer=make())
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                deviation = float(session.run(hidden, {x: x_data}).std())
            found[activation.__name__, name] = deviation
            print(f"{activation.__name__:5} {name:24} deviation after {layers} layers "
                  f"{deviation:10.3g}")  # fmt: skip
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--units", type=int, default=256)
    options = parser.parse_args()
    main(options.layers, options.units)
