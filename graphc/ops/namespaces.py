"""`tf.math`, `tf.linalg`, `tf.random` and their kin: other places of functions that `tf` has too.

Each is a table: the names that are the same, and those spelled differently (`log_sigmoid=...`).
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from graphc.ops import init_ops, random_ops

MATH = """
abs accumulate_n acos acosh add add_n angle argmax argmin asin asinh atan atan2 atanh bincount ceil
confusion_matrix conj cos cosh count_nonzero cumprod cumsum digamma divide equal erf erfc exp expm1
floor floordiv floormod greater greater_equal igamma igammac imag invert_permutation is_finite
is_inf is_nan less less_equal lgamma log log1p logical_and logical_not logical_or logical_xor
maximum minimum mod multiply multiply_no_nan negative not_equal polygamma pow real reciprocal
reduce_all reduce_any reduce_euclidean_norm reduce_logsumexp reduce_max reduce_mean reduce_min
reduce_prod reduce_std reduce_sum reduce_variance rint round rsqrt scalar_mul segment_max
segment_mean segment_min segment_prod segment_sum sigmoid sign sin sinh sqrt square
squared_difference subtract tan tanh truediv unsorted_segment_max unsorted_segment_mean
unsorted_segment_min unsorted_segment_prod unsorted_segment_sqrt_n unsorted_segment_sum zeta
"""
MATH_OF_NN = "in_top_k l2_normalize log_softmax softmax softplus softsign top_k zero_fraction"
LINALG = """
cholesky cross einsum eye global_norm matmul norm tensordot trace
cholesky_solve
"""
LINALG_RENAMED = {
    "det": "matrix_determinant",
    "inv": "matrix_inverse",
    "solve": "matrix_solve",
    "diag": "matrix_diag",
    "diag_part": "matrix_diag_part",
    "set_diag": "matrix_set_diag",
    "band_part": "matrix_band_part",
    "transpose": "matrix_transpose",
    "triangular_solve": "matrix_triangular_solve",
    "eigh": "self_adjoint_eig",
    "eigvalsh": "self_adjoint_eigvals",
    "svd": "svd",
    "qr": "qr",
    "logdet": "log_matrix_determinant",
    "tensor_diag": "diag",
    "tensor_diag_part": "diag_part",
}
RANDOM = "multinomial get_seed"
RANDOM_RENAMED = {
    "normal": "random_normal",
    "uniform": "random_uniform",
    "truncated_normal": "truncated_normal",
    "shuffle": "random_shuffle",
    "gamma": "random_gamma",
    "poisson": "random_poisson",
    "categorical": "categorical",
    "set_random_seed": "set_random_seed",
}
INITIALIZERS = {
    "constant": "constant_initializer",
    "glorot_normal": "glorot_normal_initializer",
    "glorot_uniform": "glorot_uniform_initializer",
    "identity": "identity_initializer",
    "ones": "ones_initializer",
    "orthogonal": "orthogonal_initializer",
    "random_normal": "random_normal_initializer",
    "random_uniform": "random_uniform_initializer",
    "truncated_normal": "truncated_normal_initializer",
    "uniform_unit_scaling": "uniform_unit_scaling_initializer",
    "variance_scaling": "variance_scaling_initializer",
    "zeros": "zeros_initializer",
    "he_normal": "he_normal",
    "he_uniform": "he_uniform",
    "lecun_normal": "lecun_normal",
    "lecun_uniform": "lecun_uniform",
}
DTYPES = "DType as_dtype as_string cast complex saturate_cast"
DEBUGGING = """
Assert add_check_numerics_ops assert_all_finite assert_equal assert_greater assert_greater_equal
assert_integer assert_less assert_less_equal assert_negative assert_non_negative assert_non_positive
assert_none_equal assert_positive assert_rank assert_rank_at_least assert_rank_in
assert_scalar assert_type check_numerics is_finite is_inf is_nan is_non_decreasing is_numeric_tensor
is_strictly_increasing
"""
MANIP = "gather_nd reshape reverse scatter_nd space_to_batch_nd batch_to_space_nd tile"


def _module(name: str, doc: str, names: dict[str, Any]) -> ModuleType:
    module = ModuleType(f"graphc.{name}", doc)
    vars(module).update(names)
    return module


def _same(tf: Any, names: str) -> dict[str, Any]:
    return {name: getattr(tf, name) for name in names.split() if name in vars(tf)}


def _renamed(tf: Any, names: dict[str, str]) -> dict[str, Any]:
    return {name: getattr(tf, old) for name, old in names.items() if old in vars(tf)}


def install(tf: Any) -> None:
    """Add the namespaces to the finished module `tf`."""
    nn = _same(tf.nn, MATH_OF_NN)
    tables: dict[str, tuple[str, dict[str, Any]]] = {
        "math": ("Mathematics.", {**_same(tf, MATH), **nn}),
        "linalg": ("Linear algebra.", {**_same(tf, LINALG), **_renamed(tf, LINALG_RENAMED)}),
        "random": (
            "Random tensors.",
            {**_same(tf, RANDOM), **_renamed(random_ops, RANDOM_RENAMED)},
        ),
        "initializers": ("Initial values.", _renamed(init_ops, INITIALIZERS)),
        "debugging": ("Checks.", _same(tf, DEBUGGING)),
        "manip": ("Movement of elements.", _same(tf, MANIP)),
    }
    for name, (doc, names) in tables.items():
        module = _module(name, f"{doc} The functions are those of `tf`.", names)
        setattr(tf, name, module)
        sys.modules.setdefault(f"graphc.{name}", module)
