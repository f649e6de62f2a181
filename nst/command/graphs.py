"""Networks as ONNX graphs, node by node: the same numbers as torch's, for a picture of any size.

They are written by hand and not traced: what a tracer reads off one example may hold for its size only. Upsampling and convolving
is one step, and few channels are computed four pixels at a time, as in `nst.support.inference`. The operators are those of opset 17
(2022), which onnxruntime, onnxruntime-web and most converters read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from nst.covariance import CUT
from nst.support.arguments import missing
from nst.support.inference import LANES, doubling_weight

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ModuleNotFoundError as error:
    raise missing(error, "export") from error

OPSET, IR = 17, 8
TYPES = {TensorProto.FLOAT: np.float32, TensorProto.DOUBLE: np.float64, TensorProto.INT64: np.int64}
BORDERS = {"reflect": "reflect", "replicate": "edge", "zeros": "constant"}  # torch's names of them, and ONNX'
LEAST = 1e-12  # of an eigenvalue, as `covariance.power_of` has it
TINY = 1e-300  # in place of 0, where something is divided by it
NOISE = 1e-7  # of the largest: what float32 leaves of nothing, above or below it
FAINT = 1e-10  # of the largest: what is less is next to nothing in the root, too
NEAR = 1e-8  # of the largest: so near a limit an eigenvalue is neither above nor below it
ROOM = 1.05  # times the largest eigenvalue as it is estimated is never less than the largest


@dataclass(frozen=True)
class Value:
    """What a node of a graph gives, or a weight, or an input. Arithmetic with it adds nodes; numbers take its type."""

    graph: Graph
    name: str
    type: int = TensorProto.FLOAT

    def __add__(self, other: Value | float) -> Value:
        return self.graph.add("Add", self, self._like(other))

    def __sub__(self, other: Value | float) -> Value:
        return self.graph.add("Sub", self, self._like(other))

    def __mul__(self, other: Value | float) -> Value:
        return self.graph.add("Mul", self, self._like(other))

    def __truediv__(self, other: Value | float) -> Value:
        return self.graph.add("Div", self, self._like(other))

    __floordiv__ = __truediv__  # of whole numbers that are not negative

    def __matmul__(self, other: Value) -> Value:
        return self.graph.add("MatMul", self, other)

    def least(self, bound: Value | float) -> Value:
        """Nothing of it under `bound`."""
        return self.graph.add("Max", self, self._like(bound))

    def most(self, bound: Value | float) -> Value:
        """Nothing of it above `bound`."""
        return self.graph.add("Min", self, self._like(bound))

    def to(self, kind: int) -> Value:
        """The same numbers in another type."""
        return self.graph.add("Cast", self, kind=kind, to=kind)

    def double(self) -> Value:
        """In float64."""
        return self.to(TensorProto.DOUBLE)

    def single(self) -> Value:
        """In float32."""
        return self.to(TensorProto.FLOAT)

    def root(self) -> Value:
        """The square root of each number."""
        return self.graph.add("Sqrt", self)

    def reshape(self, *shape: int) -> Value:
        """0 keeps a side, -1 takes what is left."""
        return self.graph.add("Reshape", self, self.graph.whole(*shape))

    def transposed(self) -> Value:
        """(B, M, N) -> (B, N, M)."""
        return self.graph.add("Transpose", self, perm=[0, 2, 1])

    def mean(self, *axes: int) -> Value:
        """Over these axes, which stay with the length 1."""
        return self.graph.add("ReduceMean", self, axes=axes, keepdims=1)

    def sum(self, *axes: int) -> Value:
        """Over these axes, which stay with the length 1."""
        return self.graph.add("ReduceSum", self, self.graph.whole(*axes), keepdims=1)

    def length(self, axis: int) -> Value:
        """Of an axis, a vector of one whole number."""
        shape = self.graph.add("Shape", self, kind=TensorProto.INT64)
        return self.graph.add("Slice", shape, self.graph.whole(axis), self.graph.whole(axis + 1))

    def _like(self, other: Value | float) -> Value:
        return other if isinstance(other, Value) else self.graph.constant(other, self.type)


class Graph:
    """A graph that grows node by node.

    half: weights are stored in float16, with a Cast to float32 behind them: half the file, and computed in float32.
    """

    def __init__(self, half: bool = False):
        self.half = half
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, TensorProto] = {}
        self.constants: dict[tuple, str] = {}
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, *shape: int | str) -> Value:
        """A float32 input. A name in its shape stands for a length that is known when the graph runs."""
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return Value(self, name)

    def output(self, value: Value, name: str, *shape: int | str) -> None:
        """An output with its name and shape."""
        self.nodes.append(helper.make_node("Identity", [value.name], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, value.type, shape))

    def add(self, operator: str, *inputs: Value, kind: int | None = None, **attributes: object) -> Value:
        """A node with one result; its type is that of the first input, or `kind`."""
        value = Value(self, f"{operator}_{len(self.nodes)}", kind or inputs[0].type)
        self.nodes.append(helper.make_node(operator, [each.name for each in inputs], [value.name], **attributes))
        return value

    def weight(self, name: str, tensor: Tensor) -> Value:
        """A network's weight under its name there, as float32. ValueError: too large for float16."""
        values = tensor.detach().cpu().to(torch.float16 if self.half else torch.float32)
        if not torch.isfinite(values).all():
            raise ValueError(f"{name}: holds numbers beyond 65504, where float16 ends; export it without half")
        self.weights[name] = numpy_helper.from_array(values.numpy(), name)
        return Value(self, name, TensorProto.FLOAT16).to(TensorProto.FLOAT) if self.half else Value(self, name)

    def constant(self, number: object, kind: int = TensorProto.FLOAT) -> Value:
        """A number, or several, which are no weights."""
        values = np.array(number, TYPES[kind])
        name = self.constants.setdefault((kind, values.shape, values.tobytes()), f"constant_{len(self.constants)}")
        self.weights[name] = numpy_helper.from_array(values, name)
        return Value(self, name, kind)

    def whole(self, *numbers: int) -> Value:
        """A vector of whole numbers."""
        return self.constant(numbers, TensorProto.INT64)

    def model(self, name: str, facts: dict[str, str]) -> onnx.ModelProto:
        """The graph as a checked model, with facts about it."""
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.weights.values())
        made = helper.make_model(graph, producer_name="nst", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
        helper.set_model_props(made, facts)
        onnx.checker.check_model(made, full_check=True)
        return made


# --- layers -----------------------------------------------------------------------------------------------------------------------


def convolved(x: Value, weight: Value, bias: Value | None, conv: nn.Conv2d, border: str = "reflect") -> Value:
    """The convolution of a map (B, C, H, W) with a border, of its size over the stride. conv: its kernel and stride."""
    kernel, stride = conv.kernel_size[0], conv.stride[0]
    given = [bordered(x, kernel // 2, border), weight, *([] if bias is None else [bias])]
    return x.graph.add("Conv", *given, kernel_shape=[kernel, kernel], strides=[stride, stride])


def bordered(x: Value, pixels: int, border: str) -> Value:
    """A map with so many pixels more on each side: "reflect", "replicate" or "zeros"."""
    return x.graph.add("Pad", x, x.graph.whole(*(0, 0, pixels, pixels) * 2), mode=BORDERS[border]) if pixels else x


def bordered_by(x: Value, down: Value, right: Value) -> Value:
    """A map reflected outwards by so many pixels, which the graph knows when it runs."""
    g = x.graph
    beside = g.add("Concat", g.whole(0, 0), down, right, axis=0)
    return g.add("Pad", x, g.add("Concat", beside, beside, axis=0), mode="reflect")


def cut(x: Value, first: Sequence[Value], last: Sequence[Value]) -> Value:
    """A map from `first` (row, column) up to, not with, `last`."""
    g = x.graph
    return g.add("Slice", x, g.add("Concat", *first, axis=0), g.add("Concat", *last, axis=0), g.whole(2, 3))


def transposed(x: Value, weight: Value, bias: Value, conv: nn.ConvTranspose2d) -> Value:
    """The fractionally strided convolution: (B, C, H, W) -> (B, C', 2 H, 2 W)."""
    kernel = conv.kernel_size[0]
    shapes = {"kernel_shape": [kernel] * 2, "strides": [2, 2], "pads": [kernel // 2] * 4, "output_padding": [1, 1]}
    return x.graph.add("ConvTranspose", x, weight, bias, **shapes)


def few_channels(x: Value, weight: Value, bias: Value, conv: nn.Conv2d) -> Value:
    """`convolved` with a reflected border; where channels are few and both sides even, four pixels at once.

    See `inference.four_pixel_weight`. The caller knows that the sides are even.
    """
    g, kernel, channels = x.graph, conv.kernel_size[0], conv.out_channels
    if conv.stride != (1, 1) or 4 * channels > LANES:
        return convolved(x, weight, bias, conv)
    moved = [g.add("Pad", weight, g.whole(0, 0, down, right, 0, 0, 1 - down, 1 - right)) for down in (0, 1) for right in (0, 1)]
    four = g.add("Concat", *(g.add("Unsqueeze", part, g.whole(1)) for part in moved), axis=1)
    four = four.reshape(4 * channels, conv.in_channels, kernel + 1, kernel + 1)
    x = bordered(x, kernel // 2, "reflect")
    return _shuffled(g.add("Conv", x, four, _four_times(bias, channels), kernel_shape=[kernel + 1] * 2, strides=[2, 2]))


def doubled(x: Value, weight: Value, bias: Value, conv: nn.Conv2d) -> Value:
    """The 3x3 convolution, with a reflected border, of a map whose pixels are repeated: (B, C, H, W) -> (B, C', 2 H, 2 W).

    See `inference.doubling_weight`.
    """
    g, channels, read = x.graph, conv.out_channels, conv.in_channels
    sums = doubling_weight(torch.eye(9).reshape(9, 1, 3, 3)).reshape(9, 16)  # nine weights -> 2x2 of them for each of four places
    four = (weight.reshape(channels, read, 9) @ g.constant(sums.tolist())).reshape(channels, read, 4, 4)
    four = g.add("Transpose", four, perm=[0, 2, 1, 3]).reshape(4 * channels, read, 2, 2)
    x = bordered(x, 1, "replicate")  # a reflection of doubled pixels is a repetition
    made = _shuffled(g.add("Conv", x, four, _four_times(bias, channels), kernel_shape=[2, 2]))
    return g.add("Slice", made, g.whole(1, 1), g.whole(-1, -1), g.whole(2, 3))


def batch_norm(x: Value, weight: Value, bias: Value, mean: Value, variance: Value, norm: nn.BatchNorm2d) -> Value:
    """With the statistics of the training."""
    return x.graph.add("BatchNormalization", x, weight, bias, mean, variance, epsilon=norm.eps)


def instance_norm(x: Value, weight: Value, bias: Value, norm: nn.InstanceNorm2d) -> Value:
    """Not the operator of that name: onnxruntime's adds all of a large map's numbers up one by one, and loses digits."""
    difference = x - mean(x)
    scale = weight.reshape(-1, 1, 1) / (mean(difference * difference) + norm.eps).root()
    return difference * scale + bias.reshape(-1, 1, 1)


def _shuffled(x: Value) -> Value:
    """`F.pixel_shuffle(x, 2)`."""
    return x.graph.add("DepthToSpace", x, blocksize=2, mode="CRD")


def _four_times(bias: Value, channels: int) -> Value:
    """(C,) -> (4 C,), each number four times."""
    g = bias.graph
    return g.add("Expand", bias.reshape(channels, 1), g.whole(channels, 4)).reshape(4 * channels)


def shaped_like(x: Value, other: Value) -> Value:
    """As many numbers in another's shape."""
    return x.graph.add("Reshape", x, x.graph.add("Shape", other, kind=TensorProto.INT64))


def clipped(x: Value) -> Value:
    """In [0, 1]."""
    return x.graph.add("Clip", x, x.graph.constant(0), x.graph.constant(1))


def grown(picture: Value, multiple: int = 16, smallest: int = 32) -> Value:
    """A picture (1, 3, H, W) as `decoders.padded` makes it larger: mirrored, or repeated where it is too small for that."""
    g, sides = picture.graph, [picture.length(2), picture.length(3)]
    wanted = [((side + (multiple - 1)) // multiple * multiple).least(smallest) for side in sides]
    short = [g.add("GreaterOrEqual", size - side, side, kind=TensorProto.BOOL) for size, side in zip(wanted, sides)]
    for axis, side, size in zip((2, 3), sides, wanted):
        zero, one = (g.constant(n, TensorProto.INT64) for n in (0, 1))
        place = g.add("Range", zero, g.add("Squeeze", size), one)
        beyond = g.add("Where", g.add("Or", *short), side - 1, (side - 1) * 2 - place, kind=TensorProto.INT64)
        picture = g.add("Gather", picture, place.most(beyond), axis=axis)
    return picture


# --- statistics, and the map from one to another ----------------------------------------------------------------------------------


def mean(x: Value) -> Value:
    """Of each map of (1, C, h, w), as (1, C, 1, 1): row by row first, so that few numbers are added at a time."""
    return x.mean(3).mean(2)


def moments(features: Value) -> tuple[Value, Value]:
    """(1, C, h, w) -> the mean (1, C, 1) and the unbiased covariance (1, C, C): row by row, and those summed in float64."""
    g, middle = features.graph, mean(features)
    rows = g.add("Transpose", features - middle, perm=[0, 2, 1, 3])  # (1, h, C, w)
    products = (rows @ g.add("Transpose", rows, perm=[0, 1, 3, 2])).double().sum(1)  # (1, 1, C, C)
    count = (features.length(2) * features.length(3) - 1).least(1).double()
    return middle.reshape(0, 0, 1), g.add("Squeeze", products / count, g.whole(1)).single()


def transport(covariance: Value, style_covariances: Value) -> Value:
    """The matrices (styles, C, C) of `covariance.transport`, from (1, C, C) and (styles, C, C), all float64.

    C^(-1/2) (C^(1/2) S C^(1/2))^(1/2) C^(-1/2) with matrix products only. As in `covariance.power_of`, an eigenvalue under CUT
    times the largest counts as zero and stays zero: (1 + sign(C - CUT)) / 2 projects on the others, and only there C is inverted.
    A style's eigenvalues are rounding errors under NOISE, and a negative one has no root: they count as zero, too.
    """
    c = covariance
    one = identity(c)
    largest, kept = _above(CUT, c, one)
    whole = kept @ c @ kept + (one - kept) * largest  # it has an inverse: on the rest there is `largest`, until `kept` ends it
    root, inverse = (part @ kept for part in _roots(whole, largest * ROOM, CUT / ROOM, one))
    _, real = _above(NOISE, style_covariances, one)
    between = root @ (real @ style_covariances @ real) @ root
    middle, _ = _roots(between, _length(between), FAINT, one)
    return inverse @ middle @ inverse


def _above(share: float, covariances: Value, one: Value) -> tuple[Value, Value]:
    """The largest eigenvalues (…, 1, 1), and the projections (…, C, C) on what has more than this share of them."""
    power = covariances / _length(covariances)
    for _ in range(8):
        power = power @ power
        power = power / _length(power)
    # a mean of all eigenvalues, each with its 256th power for a weight: the largest, or up to 3 % less where many are alike
    largest = ((covariances * power).sum(-2, -1) / (one * power).sum(-2, -1).least(TINY)).least(LEAST)
    x = (covariances - one * (largest * share).least(LEAST)) / (largest * ROOM)
    for a, b in _steps(NEAR):  # its sign: each eigenvalue of [-1, 1] becomes -1 or 1, those within NEAR of 0 what is in between
        x = x @ (one * a + x @ x * b)
    return largest, (x + one) * 0.5


def identity(matrix: Value) -> Value:
    """(1, C, C), as large as such a matrix and of its type."""
    g = matrix.graph
    return g.add("Unsqueeze", g.add("EyeLike", g.add("Squeeze", matrix, g.whole(0))), g.whole(0))


def _length(matrices: Value) -> Value:
    """Frobenius' norm: (…, C, C) -> (…, 1, 1). Never 0."""
    return (matrices * matrices).sum(-2, -1).root().least(TINY)


def _steps(least: float) -> Iterator[tuple[float, float]]:
    """(a, b) of x -> a x + b x^3, which lead all of [least, 1] to 1, two digits for each digit at the end (Newton-Schulz).

    Each step begins with the factor that makes both ends of the interval equal after it (Chen & Chow 2014, "A Stable Scaling of
    Newton-Schulz for Improving the Sign Function Computation of a Hermitian Matrix"): small numbers grow 2.6 times, not 1.5.
    """
    while 1 - least > 1e-9:
        factor = (3 / (1 + least + least**2)) ** 0.5
        yield 1.5 * factor, -0.5 * factor**3
        least = 1.5 * factor * least - 0.5 * (factor * least) ** 3
    yield 1.5, -0.5


def _roots(matrices: Value, largest: Value, share: float, one: Value) -> tuple[Value, Value]:
    """M^(1/2) and M^(-1/2) of matrices with eigenvalues from share * largest to largest; of smaller ones both are too small."""
    root, inverse = matrices / largest, one
    for a, b in _steps(share**0.5):
        step = one * a + inverse @ root * b
        root, inverse = root @ step, step @ inverse
    return root * largest.root(), inverse / largest.root()
