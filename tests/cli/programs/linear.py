"""Fits a line: a graph, three kinds of runs, and output of its own."""

import numpy as np

import graphc as tf

x = tf.placeholder(tf.float32, [None, 3], name="x")
y = tf.placeholder(tf.float32, [None, 1], name="y")
w = tf.Variable(tf.zeros([3, 1]), name="w")
prediction = tf.matmul(x, w, name="prediction")
loss = tf.reduce_mean(tf.square(prediction - y), name="loss")
train = tf.train.GradientDescentOptimizer(0.1).minimize(loss, name="train")
unused = tf.negative(loss, name="unused")

with tf.Session("numpy") as sess:
    sess.run(tf.global_variables_initializer())
    feed = {x: np.ones((5, 3), np.float32), y: np.ones((5, 1), np.float32)}
    for _ in range(3):
        sess.run(train, feed)
    print("loss", sess.run(loss, feed))
