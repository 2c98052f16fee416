"""A 784-256-128-10 network on real digits: `make demo`.

Written as a TensorFlow 1 program. It shows progress while it trains, prints loss, accuracy on 2,000
digits held back, steps per second and compile time, and writes the page of its graph.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

import graphc as tf

try:
    from examples import digits as data
except ImportError:  # run as a script: this folder is on the path
    import digits as data  # type: ignore[no-redef]


def layer(x, units, activation, name):
    """A dense layer: activation(x W + b) with W from a truncated normal of variance 2 / inputs."""
    inputs = int(x.shape[1])
    with tf.variable_scope(name):
        scale = float(np.sqrt(2.0 / inputs))
        kernel = tf.get_variable(
            "kernel", [inputs, units], initializer=tf.truncated_normal_initializer(stddev=scale)
        )
        bias = tf.get_variable("bias", [units], initializer=tf.zeros_initializer())
        output = tf.nn.bias_add(tf.matmul(x, kernel), bias)
        return activation(output) if activation else output


def main(epochs: int = 10, batch_size: int = 100, page: Path | None = Path("mnist.html")) -> float:
    """Train, print what came of it, and return the accuracy on the digits held back."""
    console = Console()
    train, test = data.load(held_back=2000)
    tf.set_random_seed(1)

    images = tf.placeholder(tf.float32, [None, 784], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    hidden = layer(images, 256, tf.nn.relu, "hidden_1")
    hidden = layer(hidden, 128, tf.nn.relu, "hidden_2")
    logits = layer(hidden, 10, None, "logits")
    loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits), name="loss"
    )
    accuracy = tf.reduce_mean(
        tf.cast(tf.equal(tf.argmax(logits, 1), labels), tf.float32), name="accuracy"
    )
    step = tf.train.AdamOptimizer(1e-3).minimize(loss)

    session = tf.Session()
    session.run(tf.global_variables_initializer())
    generator = np.random.default_rng(0)

    first = {images: train.images[:batch_size], labels: train.labels[:batch_size]}
    started = time.perf_counter()
    session.run(loss, first)
    session.run([step, loss], first)
    compile_seconds = time.perf_counter() - started

    columns = (
        TextColumn("epoch {task.fields[epoch]}/" + str(epochs)),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4f}  {task.fields[rate]:,.0f} steps/s"),
        TimeRemainingColumn(),
    )
    total = epochs * -(-len(train) // batch_size)
    started = time.perf_counter()
    done = 0
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("training", total=total, epoch=1, loss=0.0, rate=0.0)
        for epoch in range(1, epochs + 1):
            for rows in data.batches(train, batch_size, generator):
                feed = {images: train.images[rows], labels: train.labels[rows]}
                _, value = session.run([step, loss], feed)
                done += 1
                if done % 20 == 0 or done == total:
                    rate = done / (time.perf_counter() - started)
                    progress.update(task, completed=done, epoch=epoch, loss=value, rate=rate)
    seconds = time.perf_counter() - started
    result = float(session.run(accuracy, {images: test.images, labels: test.labels}))

    console.print(f"loss of the last batch   {value:.4f}")
    console.print(f"accuracy on {len(test):,} held back digits   {result:.2%}")
    rate = total / seconds
    console.print(f"training   {seconds:.2f} s, {rate:,.0f} steps/s of {batch_size} images")
    console.print(f"first result, compiling included   {compile_seconds * 1e3:.0f} ms")
    if page is not None:
        from graphc.viz import write_run_page

        write_run_page(page, session, [step, loss], first, title="784-256-128-10 on digits")
        console.print(f"the graph   {page.resolve()}")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--page", type=Path, default=Path("mnist.html"))
    options = parser.parse_args()
    main(options.epochs, options.batch_size, options.page)
