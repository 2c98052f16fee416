"""`tf.contrib`: the part of it that many TF1 programs used."""

from graphc.contrib import layers as layers
from graphc.contrib import rnn as rnn
