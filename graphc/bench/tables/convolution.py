"""Single convolutions, images with channels last: forward, and both gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphc.bench.workload import Array, Formula, Workload, normal


@dataclass(frozen=True, slots=True)
class Case:
    """Images of size x size x inputs, windows of window x window, SAME padding, stride 1."""

    batch: int
    size: int
    inputs: int
    outputs: int
    window: int

    @property
    def text(self) -> str:
        image = f"[{self.batch}, {self.size}, {self.size}, {self.inputs}]"
        return f"{image} {self.window}x{self.window}x{self.outputs}"

    @property
    def flops(self) -> float:
        pixels = self.batch * self.size * self.size
        return 2.0 * pixels * self.window * self.window * self.inputs * self.outputs

    def image(self) -> Array:
        return normal(self.batch, self.size, self.size, self.inputs, seed=1)

    def filter(self) -> Array:
        shape = (self.window, self.window, self.inputs, self.outputs)
        return normal(*shape, seed=2, scale=(self.window**2 * self.inputs) ** -0.5)

    def cotangent(self) -> Array:
        return normal(self.batch, self.size, self.size, self.outputs, seed=3)


CASES = (
    Case(64, 28, 1, 32, 5),
    Case(64, 14, 32, 64, 5),
    Case(8, 56, 64, 64, 3),
    Case(8, 14, 256, 256, 3),
    Case(8, 7, 512, 512, 3),
    Case(8, 28, 128, 256, 1),
)
_ORDER = ("NHWC", "HWIO", "NHWC")


def _nchw(x: Any) -> Any:
    return x.permute(0, 3, 1, 2)


def _oihw(w: Any) -> Any:
    return w.permute(3, 2, 0, 1)


def _torch_forward(torch: Any, x: Any, w: Any) -> Any:
    y = torch.nn.functional.conv2d(_nchw(x), _oihw(w), padding=w.shape[0] // 2)
    return y.permute(0, 2, 3, 1)


def _torch_gradient(torch: Any, x: Any, w: Any, dy: Any, which: int) -> Any:
    wanted = [which == 0, which == 1, False]
    found = torch.ops.aten.convolution_backward(
        _nchw(dy), _nchw(x), _oihw(w), None, [1, 1], [w.shape[0] // 2] * 2, [1, 1], False, [0, 0],
        1, wanted,
    )[which]  # fmt: skip
    return found.permute(0, 2, 3, 1) if which == 0 else found.permute(2, 3, 1, 0)


def _jax_forward(jax: Any, x: Any, w: Any) -> Any:
    return jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=_ORDER)


def _jax_gradient(jax: Any, x: Any, w: Any, dy: Any, which: int) -> Any:
    _, backward = jax.vjp(lambda x, w: _jax_forward(jax, x, w), x, w)
    return backward(dy)[which]


def _numpy_forward(np: Any, x: Array, w: Array) -> Array:
    by = w.shape[0] // 2
    padded = np.pad(x, ((0, 0), (by, by), (by, by), (0, 0)))
    parts = (
        padded[:, i : i + x.shape[1], j : j + x.shape[2]] @ w[i, j]
        for i in range(w.shape[0])
        for j in range(w.shape[1])
    )
    return sum(parts)


def _numpy_inputs(np: Any, x: Array, w: Array, dy: Array) -> Array:
    return _numpy_forward(np, dy, w[::-1, ::-1].swapaxes(2, 3))


def _numpy_filter(np: Any, x: Array, w: Array, dy: Array) -> Array:
    by, (height, width) = w.shape[0] // 2, x.shape[1:3]
    padded = np.pad(x, ((0, 0), (by, by), (by, by), (0, 0)))
    found = np.empty_like(w)
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            seen = padded[:, i : i + height, j : j + width]
            found[i, j] = np.tensordot(seen, dy, ((0, 1, 2), (0, 1, 2)))
    return found


FORWARD = Formula(
    tf1=lambda tf, x, w: tf.nn.conv2d(x, w, [1, 1, 1, 1], "SAME"),
    numpy=_numpy_forward,
    torch=_torch_forward,
    jax=_jax_forward,
)
INPUTS = Formula(
    tf1=lambda tf, x, w, dy: tf.nn.conv2d_backprop_input(
        x.shape.as_list(), w, dy, [1, 1, 1, 1], "SAME"
    ),
    numpy=_numpy_inputs,
    torch=lambda torch, x, w, dy: _torch_gradient(torch, x, w, dy, 0),
    jax=lambda jax, x, w, dy: _jax_gradient(jax, x, w, dy, 0),
)
FILTER = Formula(
    tf1=lambda tf, x, w, dy: tf.nn.conv2d_backprop_filter(
        x, w.shape.as_list(), dy, [1, 1, 1, 1], "SAME"
    ),
    numpy=_numpy_filter,
    torch=lambda torch, x, w, dy: _torch_gradient(torch, x, w, dy, 1),
    jax=lambda jax, x, w, dy: _jax_gradient(jax, x, w, dy, 1),
)


def _rows(case: Case) -> tuple[Workload, ...]:
    def both() -> tuple[Array, ...]:
        return case.image(), case.filter()

    def all_three() -> tuple[Array, ...]:
        return case.image(), case.filter(), case.cotangent()

    return tuple(
        Workload(
            name=f"{what}, {case.text}",
            family="convolution",
            task=formula,
            inputs=inputs,
            tolerance=1e-4,
            flops=case.flops,
        )
        for what, formula, inputs in (
            ("convolution", FORWARD, both),
            ("gradient of its inputs", INPUTS, all_three),
            ("gradient of its filter", FILTER, all_three),
        )
    )


ROWS = tuple(row for case in CASES for row in _rows(case))
