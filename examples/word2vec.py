"""Word vectors from a small text: the skip-gram model with noise-contrastive estimation.

Written as a TensorFlow 1 program (Mikolov et al., 2013). A word's vector shall tell which words
stand around it; few sampled words stand for all that do not. The text is this project's license,
or any other file. A step changes only the rows of the words that it saw.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from pathlib import Path

import numpy as np

import graphc as tf

TEXT = Path(__file__).resolve().parent.parent / "LICENSE"


def read(path: Path, least: int = 2) -> tuple[list[str], np.ndarray]:
    """The vocabulary, frequent words first, and the text as numbers; 0 stands for rare words."""
    words = re.findall(r"[a-z]+", path.read_text().lower())
    counts = Counter(words)
    known = sorted((w for w in counts if counts[w] >= least), key=lambda w: (-counts[w], w))
    vocabulary = ["?", *known]
    numbers = {word: number for number, word in enumerate(vocabulary)}
    return vocabulary, np.array([numbers.get(word, 0) for word in words])


def pairs(text: np.ndarray, window: int) -> np.ndarray:
    """All (word, neighbour) pairs at most `window` places apart."""
    found = []
    for distance in range(1, window + 1):
        near, far = text[:-distance], text[distance:]
        found += [np.stack([near, far], 1), np.stack([far, near], 1)]
    return np.concatenate(found)


def main(
    epochs: int = 40, size: int = 32, window: int = 2, batch_size: int = 128, text: Path = TEXT
) -> list[float]:
    """Train; prints loss and neighbours, and returns the mean loss of every epoch."""
    tf.reset_default_graph()
    tf.set_random_seed(1)
    vocabulary, numbers = read(text)
    examples = pairs(numbers, window)
    print(f"{len(numbers)} words, {len(vocabulary)} different ones, {len(examples)} pairs")

    words = tf.placeholder(tf.int32, [None], name="words")
    neighbours = tf.placeholder(tf.int64, [None, 1], name="neighbours")
    with tf.variable_scope("vectors", initializer=tf.random_uniform_initializer(-1.0, 1.0)):
        vectors = tf.get_variable("words", [len(vocabulary), size])
    weights = tf.get_variable(
        "weights", [len(vocabulary), size],
        initializer=tf.truncated_normal_initializer(stddev=size**-0.5),
    )  # fmt: skip
    biases = tf.get_variable("biases", [len(vocabulary)], initializer=tf.zeros_initializer())
    rows = tf.nn.embedding_lookup(vectors, words)
    loss = tf.reduce_mean(
        tf.nn.nce_loss(
            weights=weights, biases=biases, labels=neighbours, inputs=rows, num_sampled=16,
            num_classes=len(vocabulary),
        )
    )  # fmt: skip
    step = tf.train.AdagradOptimizer(0.5).minimize(loss)
    directions = tf.nn.l2_normalize(vectors, 1)

    generator = np.random.default_rng(0)
    means = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for epoch in range(1, epochs + 1):
            losses = []
            order = generator.permutation(len(examples))
            for start in range(0, len(order) - batch_size + 1, batch_size):
                chosen = examples[order[start : start + batch_size]]
                feed = {words: chosen[:, 0], neighbours: chosen[:, 1:]}
                losses.append(session.run([step, loss], feed)[1])
            means.append(float(np.mean(losses)))
            if epoch == 1 or epoch % 10 == 0:
                print(f"epoch {epoch:3}   loss {means[-1]:.3f}")
        found = session.run(directions)
    for number in range(1, min(9, len(vocabulary))):
        order = np.argsort(-(found @ found[number]))
        near = [vocabulary[i] for i in order if i not in (0, number)][:4]
        print(f"{vocabulary[number]:12} {' '.join(near)}")
    return means


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--window", type=int, default=2)
    parser.add_argument("--text", type=Path, default=TEXT)
    options = parser.parse_args()
    main(options.epochs, options.size, options.window, text=options.text)
