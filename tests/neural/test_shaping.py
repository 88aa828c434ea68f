"""Numbers that only move: where they go, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from neural_from_scratch import ops
from neural_from_scratch.tensor import Tensor

X = np.arange(24.0).reshape(2, 3, 4)


def test_views_are_not_copied() -> None:
    """Reshape, transpose and slices share memory with their input; nobody writes to it."""
    for y in ops.reshape(X, (6, 4)), ops.transpose(X), ops.getitem(X, (slice(None), 1)):
        assert np.shares_memory(y.data, X)


def test_reshape_takes_what_numpy_takes() -> None:
    """One length, several, −1, numbers without axes, and NumPy's whole numbers."""
    for shape in 24, (24,), (4, -1), -1, [2, 12], (np.int64(8), 3):
        np.testing.assert_array_equal(ops.reshape(X, shape).data, X.reshape(shape))
    tensor = Tensor(X)
    assert tensor.reshape(6, 4).shape == tensor.reshape((6, 4)).shape == (6, 4)
    assert ops.reshape(np.ones((1, 1)), ()).shape == ()


@pytest.mark.parametrize("shape", [(5, 5), (25,), (7, -1), (-1, -1), ()])
def test_reshape_to_what_does_not_fit(shape: Any) -> None:
    """Both shapes are named."""
    with pytest.raises(ValueError) as caught:
        ops.reshape(X, shape)
    assert str(caught.value) == f"reshape: x of shape (2, 3, 4) does not go into shape {shape}"


@pytest.mark.parametrize("axes", [(0, 1), (0, 1, 1), (0, 1, 3), (0, 1, 2, 3), (0, 1, -3), (-4, 1, 2)])
def test_transpose_with_axes_that_do_not_fit(axes: tuple[int, ...]) -> None:
    """Too few, twice, out of range."""
    with pytest.raises(ValueError) as caught:
        ops.transpose(X, axes)
    assert (
        str(caught.value) == f"transpose: axes is {axes}, must name each axis of x, of shape (2, 3, 4), once"
    )


def test_getitem_as_numpy() -> None:
    """Whole numbers of NumPy too; a single number stays an array."""
    for index in 1, np.int64(1), (..., -1), (None, 1, slice(None, None, -1)), (1, 2, 3):
        part = ops.getitem(X, index).data
        np.testing.assert_array_equal(part, X[index])
        assert isinstance(part, np.ndarray)
    assert [row.shape for row in Tensor(X)] == [(3, 4), (3, 4)]


@pytest.mark.parametrize("index", [[0, 1], np.array([0, 0]), np.array(True), True, "x", 1.0, (0, [1])])
def test_getitem_with_what_could_name_a_number_twice(index: Any) -> None:
    """Only numbers, slices, None and an ellipsis."""
    with pytest.raises(TypeError, match="getitem: index has a"):
        ops.getitem(X, index)


@pytest.mark.parametrize("index", [2, (0, 3), (0, 0, 0, 0), (..., -5)])
def test_getitem_out_of_range_names_the_shape(index: Any) -> None:
    """NumPy's message behind it."""
    with pytest.raises(IndexError, match=r"getitem: x of shape \(2, 3, 4\): "):
        ops.getitem(X, index)


def test_concatenate_with_what_does_not_fit() -> None:
    """Which two, and both shapes or dtypes; axes that are none; nothing at all."""
    ones = np.ones((2, 3))
    with pytest.raises(
        ValueError, match=r"tensors\[0\] of shape \(2, 3\) and tensors\[2\] of shape \(2, 4\)"
    ):
        ops.concatenate([ones, ones, np.ones((2, 4))])
    with pytest.raises(ValueError, match=r"tensors\[1\] of shape \(2, 3, 1\)"):
        ops.concatenate([ones, ones[..., None]], 1)
    with pytest.raises(TypeError, match=r"tensors\[0\] is float64.*tensors\[1\] is float32"):
        ops.concatenate([ones, ones.astype(np.float32)])
    with pytest.raises(TypeError, match=r"concatenate: tensors\[1\] is a int"):
        ops.concatenate([ones, 3])  # type: ignore[list-item]
    for axis in 2, -3:
        with pytest.raises(ValueError, match=rf"axis is {axis}, the first tensor is of shape \(2, 3\)"):
            ops.concatenate([ones], axis)
    with pytest.raises(ValueError, match="the first tensor is none"):
        ops.concatenate([])


# --------------------------------------------------------------------------------------------------
# Padding

IN_NUMPY = {"zero": "constant", "reflect": "reflect", "replicate": "edge"}


@pytest.mark.parametrize("mode", IN_NUMPY)
def test_padding_is_numpys(mode: str) -> None:
    """All ways to write it; as far as a reflection can go."""
    for padding, full in [
        (1, [(0, 0), (1, 1), (1, 1)]), ((1, 2), [(0, 0), (1, 1), (2, 2)]),
        ([(1, 0), (0, 2)], [(0, 0), (1, 0), (0, 2)]),
        ((1, (0, 2)), [(0, 0), (1, 1), (0, 2)]), ([3], [(0, 0), (0, 0), (3, 3)]), ([], [(0, 0)] * 3),
        ([1, 2, 3], [(1, 1), (2, 2), (3, 3)]), ([(0, 2), (3, 0)], [(0, 0), (0, 2), (3, 0)]),
    ]:  # fmt: skip
        np.testing.assert_array_equal(ops.pad(X, padding, mode).data, np.pad(X, full, IN_NUMPY[mode]))


def test_padding_an_empty_batch_or_nothing() -> None:
    """No pictures stay none; a side without pixels can get zeros, but no copies of what is not there."""
    for mode in IN_NUMPY:
        assert ops.pad(np.ones((0, 3, 4)), 2, mode).shape == (0, 7, 8)
    np.testing.assert_array_equal(ops.pad(np.ones((2, 0)), [(1, 2)]).data, np.zeros((2, 3)))
    for mode in "reflect", "replicate":
        with pytest.raises(ValueError, match=rf"axis 1 of x, of shape \(2, 0\): too few to {mode}"):
            ops.pad(np.ones((2, 0)), [(1, 0)], mode)


def test_reflecting_more_than_there_is() -> None:
    """At most one less than the length."""
    with pytest.raises(ValueError, match=r"padding is \(0, 4\) for axis 2 of x, of shape \(2, 3, 4\)"):
        ops.pad(X, [(0, 4)], "reflect")
    with pytest.raises(ValueError, match="too few to reflect"):
        ops.pad(np.ones((1, 1)), 1, "reflect")


@pytest.mark.parametrize("padding", [-1, (1, -1), [(0, -2), (1, 1)], [(1, 2, 3)], [1, 1, 1, 1]])
def test_padding_that_is_none(padding: Any) -> None:
    """Negative, of three ends, or for more axes than there are."""
    with pytest.raises(ValueError, match=r"pad: padding is .* of shape \(2, 3, 4\), none negative"):
        ops.pad(X, padding)


def test_padding_in_a_mode_that_is_none() -> None:
    """The modes are listed."""
    with pytest.raises(
        ValueError, match="pad: mode is 'constant', allowed are 'zero', 'reflect', 'replicate'"
    ):
        ops.pad(X, 1, "constant")


# --------------------------------------------------------------------------------------------------
# Channels and pixels


def test_depth_to_space_from_its_equation() -> None:
    """y[n, c, r h + i, r w + j] = x[n, c r² + i r + j, h, w]; and space to depth is the inverse."""
    r, x = 3, np.random.default_rng(0).standard_normal((2, 18, 2, 4))
    y = ops.depth_to_space(x, r).data
    for n, c, h, w, i, j in np.ndindex(2, 2, 2, 4, r, r):
        assert y[n, c, r * h + i, r * w + j] == x[n, c * r * r + i * r + j, h, w]
    np.testing.assert_array_equal(ops.space_to_depth(y, r).data, x)


@pytest.mark.parametrize(
    ("name", "shape", "block"),
    [
        ("depth_to_space", (1, 3, 2, 2), 2),
        ("depth_to_space", (4, 2, 2), 2),
        ("depth_to_space", (1, 4, 2, 2), 0),
        ("depth_to_space", (1, 4, 2, 2), 2.0),
        ("space_to_depth", (1, 1, 4, 3), 2),
        ("space_to_depth", (4, 4), 2),
        ("space_to_depth", (1, 1, 4, 4), -2),
        ("space_to_depth", (1, 1, 4, 4), 2.0),
    ],
)
def test_blocks_that_do_not_fit_are_named(name: str, shape: tuple[int, ...], block: Any) -> None:
    """With the shape and the block."""
    with pytest.raises(ValueError) as caught:
        getattr(ops, name)(np.ones(shape), block)
    assert str(caught.value).startswith(f"{name}: x has shape {shape} and block is {block}, must be (batch,")
