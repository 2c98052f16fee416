"""graphc: static computation graphs, compiled. `import graphc as tf` runs TensorFlow 1 programs.

Everything here has TF1's name and meaning; `__all__` of each module says what of it is public.
Heavy libraries are imported when a session first compiles.
"""

# ruff: noqa: F403

from __future__ import annotations

import importlib as _importlib
import sys as _sys
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from graphc import compat as compat
from graphc import nn as nn
from graphc import train as train
from graphc.framework import app as app
from graphc.framework import dtypes as dtypes
from graphc.framework import errors as errors
from graphc.framework import flags as flags
from graphc.framework import logging as logging
from graphc.framework.collections import *
from graphc.framework.config import *
from graphc.framework.conversion import *
from graphc.framework.default_graph import *
from graphc.framework.dtypes import *
from graphc.framework.errors import OpError as OpError
from graphc.framework.gradients import *
from graphc.framework.graph import Graph as Graph
from graphc.framework.name_scope import *
from graphc.framework.shape import *
from graphc.framework.surface import *
from graphc.framework.surface import __version__ as __version__
from graphc.framework.variable_collections import *
from graphc.framework.variable_scope import *
from graphc.framework.variables import *
from graphc.ir.graph import IndexedSlices as IndexedSlices
from graphc.ir.graph import Operation as Operation
from graphc.ir.graph import Tensor as Tensor
from graphc.ops import namespaces as _namespaces
from graphc.ops.array_ops import *
from graphc.ops.block_ops import *
from graphc.ops.check_ops import *
from graphc.ops.clip_ops import *
from graphc.ops.cond_ops import *
from graphc.ops.confusion_matrix import confusion_matrix as confusion_matrix
from graphc.ops.constant_op import *
from graphc.ops.control_flow_ops import *
from graphc.ops.functional_ops import *
from graphc.ops.generated import *
from graphc.ops.init_ops import constant_initializer as constant_initializer
from graphc.ops.init_ops import glorot_normal_initializer as glorot_normal_initializer
from graphc.ops.init_ops import glorot_uniform_initializer as glorot_uniform_initializer
from graphc.ops.init_ops import ones_initializer as ones_initializer
from graphc.ops.init_ops import orthogonal_initializer as orthogonal_initializer
from graphc.ops.init_ops import random_normal_initializer as random_normal_initializer
from graphc.ops.init_ops import random_uniform_initializer as random_uniform_initializer
from graphc.ops.init_ops import truncated_normal_initializer as truncated_normal_initializer
from graphc.ops.init_ops import uniform_unit_scaling_initializer as uniform_unit_scaling_initializer
from graphc.ops.init_ops import variance_scaling_initializer as variance_scaling_initializer
from graphc.ops.init_ops import zeros_initializer as zeros_initializer
from graphc.ops.linear_ops import *
from graphc.ops.math_ops import *
from graphc.ops.random_ops import get_seed as get_seed
from graphc.ops.random_ops import multinomial as multinomial
from graphc.ops.random_ops import random_crop as random_crop
from graphc.ops.random_ops import random_gamma as random_gamma
from graphc.ops.random_ops import random_normal as random_normal
from graphc.ops.random_ops import random_poisson as random_poisson
from graphc.ops.random_ops import random_shuffle as random_shuffle
from graphc.ops.random_ops import random_uniform as random_uniform
from graphc.ops.random_ops import set_random_seed as set_random_seed
from graphc.ops.random_ops import truncated_normal as truncated_normal
from graphc.ops.reduction_ops import *
from graphc.ops.script_ops import *
from graphc.ops.sort_ops import argsort as argsort
from graphc.ops.sort_ops import sort as sort
from graphc.ops.state_ops import *
from graphc.ops.tensor_array_ops import *
from graphc.ops.while_ops import *
from graphc.session.fetches import IndexedSlicesValue as IndexedSlicesValue
from graphc.session.session import *

_namespaces.install(_sys.modules[__name__])


# Imported when first used, so that importing graphc stays quick.
_LATE = ("contrib", "image", "layers", "losses", "metrics")
if _TYPE_CHECKING:
    from graphc import contrib as contrib
    from graphc import image as image
    from graphc import layers as layers
    from graphc import losses as losses
    from graphc import metrics as metrics


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE})


def __getattr__(name: str) -> _Any:
    if name in _LATE:
        return _importlib.import_module(f"graphc.{name}")
    message = f"module 'graphc' has no attribute {name!r}"
    if not name.startswith("_"):
        message += f": graphc does not provide tf.{name}"
    raise AttributeError(message)
