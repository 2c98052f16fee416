"""`tf.contrib`: the part of it that many TF1 programs used."""

from graphc.contrib import framework as framework
from graphc.contrib import layers as layers
from graphc.contrib import losses as losses
from graphc.contrib import opt as opt
from graphc.contrib import rnn as rnn
from graphc.contrib import seq2seq as seq2seq
from graphc.contrib import slim as slim
