"""`tf.layers`: layer classes that own variables, and functions that make and call them at once."""

from graphc.layers.base import Layer as Layer
from graphc.layers.core import Dense as Dense
from graphc.layers.core import Dropout as Dropout
from graphc.layers.core import Flatten as Flatten
from graphc.layers.functions import batch_normalization as batch_normalization
from graphc.layers.functions import dense as dense
from graphc.layers.functions import dropout as dropout
from graphc.layers.functions import flatten as flatten
from graphc.layers.input_spec import InputSpec as InputSpec
from graphc.layers.normalization import BatchNormalization as BatchNormalization
