"""Graphs to draw."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import graphc as tf


def multilayer(sizes: tuple[int, ...] = (784, 256, 128, 10)) -> tuple[tf.Graph, Any, Any]:
    """A classifier with its gradients and Adam's updates: graph, loss and train operation."""
    graph = tf.Graph()
    with graph.as_default():
        x = tf.placeholder(tf.float32, [None, sizes[0]], name="x")
        labels = tf.placeholder(tf.float32, [None, sizes[-1]], name="labels")
        hidden = x
        for number, (before, after) in enumerate(itertools.pairwise(sizes), 1):
            with tf.name_scope(f"layer{number}"):
                w = tf.Variable(tf.truncated_normal([before, after], stddev=0.1), name="W")
                b = tf.Variable(np.zeros(after, np.float32), name="b")
                hidden = tf.matmul(hidden, w) + b
                if number < len(sizes) - 1:
                    hidden = tf.nn.relu(hidden)
        with tf.name_scope("loss"):
            losses = tf.nn.softmax_cross_entropy_with_logits(logits=hidden, labels=labels)
            loss = tf.reduce_mean(losses, name="loss")
        train = tf.train.AdamOptimizer(1e-3).minimize(loss)
    return graph, loss, train


def chain(length: int, scope: int = 0) -> tf.Graph:
    """A line of operations, in name scopes of `scope` operations each (0: in none)."""
    graph = tf.Graph()
    with graph.as_default():
        y = tf.placeholder(tf.float32, [4], name="x")
        for number in range(length):
            name = f"part{number // scope}/tanh_{number}/" if scope else f"tanh_{number}"
            y = graph.op("Tanh", y, name=name)
    return graph
