"""The methods as drawings: VGG-19, Gatys' loop, Johnson's training and use, AdaIN, WCT, three norms; and the way through the
course.

Each function returns a `Drawing`, which a notebook shows when it is a cell's last line. One colour means one kind of thing in all
of them; solid arrows are what is computed, dotted ones are gradients on their way back.
"""

from __future__ import annotations

from nst import vgg
from nst.figures.drawing import BACKWARD, FAINT, INK, KINDS, MARGIN, WIDTH, Drawing

# What each paper reads. Johnson's layers are those of VGG-16, which have the same names.
READ = {
    "Gatys 2015": {"content": ("relu4_2",), "style": ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")},
    "Johnson 2016": {"content": ("relu2_2",), "style": ("relu1_2", "relu2_2", "relu3_3", "relu4_3")},
    "AdaIN 2017": {"content": ("relu4_1",), "style": ("relu1_1", "relu2_1", "relu3_1", "relu4_1")},
    "WCT 2017": {"content": ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
                 "style": ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")},
}  # fmt: skip

LESSONS = (  # number, name, idea, the colour of what it is about
    ("00", "Start here", "one picture painted\nin the manner of another", "plain"),
    ("01", "What VGG sees", "content: what is where,\nin the features", "frozen"),
    ("02", "Gram matrices", "style: which features\nare strong together", "statistics"),
    ("03", "Gatys optimisation", "both as losses;\nthe picture is learned", "picture"),
    ("04", "A network that paints", "one pass in place of\nhundreds of steps", "trained"),
    ("05", "Training it", "the losses of 03 teach\nthe network of 04", "trained"),
    ("06", "AdaIN", "any style: means and\ndeviations, read off it", "statistics"),
    ("07", "WCT", "any style: the whole\ncovariance, level by level", "statistics"),
    ("08", "The four compared", "the same pictures:\nquality, seconds, memory", "plain"),
    ("09", "Faults and controls", "what goes wrong, and\nwhat can be steered", "plain"),
    ("10", "After Gatys", "four ideas in place of\nthe Gram matrix", "statistics"),
)


def vgg19(size: int = 256) -> Drawing:
    """VGG-19 up to conv5_1: its layers for a picture of size x size pixels, and which of them each paper reads."""
    layers = vgg.table(size)
    first, last = layers[0], layers[-1]
    alt = (
        f"Thirteen convolutions in five blocks. Their maps grow in number from {first.channels} to {last.channels} and shrink from "
        f"{first.size} to {last.size} pixels a side for a picture of {size} pixels. A unit of {first.name} sees "
        f"{first.receptive_field} pixels, one of {last.name} {last.receptive_field}. Layers read: "
    )
    reads = [
        f"{paper}, " + ", ".join(f"for {use} {' '.join(names)}" for use, names in read.items() if names)
        for paper, read in READ.items()
    ]
    d = Drawing("VGG-19, and the layers that the papers read", f"{alt}{'; '.join(reads)}. Johnson's are layers of VGG-16.", 540)
    left, middle = 139, 140
    xs = [left + 20 + 52 * i + 13 * int(layer.name[4]) for i, layer in enumerate(layers)]  # a gap before each block
    d.picture(MARGIN, middle - 34, 86, 68, "content")
    d.arrow((MARGIN + 90, middle), (left + 2, middle))
    for x, layer in zip(xs, layers):
        tall, thick = 118 * (layer.size / size) ** 0.45, 7 + 17 * (layer.channels / 512) ** 0.7
        d.slab(x - thick / 2 - 0.1 * tall, middle - 0.43 * tall, thick, tall, 0.28 * tall, "frozen")
    d.text(left - 4, 284, "layer", size=12, align="end", color=FAINT)
    d.text(left - 4, 306, "sees (pixels)", size=12, align="end", color=FAINT)
    for block in "12345":
        inside = [i for i, layer in enumerate(layers) if layer.name[4] == block]
        start, end = xs[inside[0]], xs[inside[-1]]
        one = layers[inside[0]]
        d.lines((start + end) / 2, 237, f"{one.channels} maps\n{one.size} × {one.size}", size=12, color=KINDS["frozen"].ink)
        d.rule(start - 23, 262, end + 23, 262)
    for x, layer in zip(xs, layers):
        d.text(x, 284, "relu" + layer.name[4:], size=12)
        d.text(x, 306, str(layer.receptive_field), size=12, color=FAINT)
    at = {"relu" + layer.name[4:]: x for x, layer in zip(xs, layers)}
    marks = (("content", "picture", -7), ("style", "statistics", 7))
    for i, (paper, read) in enumerate(READ.items()):
        y = 346 + 34 * i
        d.text(left - 4, y + 4.5, paper, align="end", bold=True)
        d.rule(left + 8, y, WIDTH - MARGIN, y)
        for use, kind, shift in marks:
            for layer in read[use]:
                both = layer in read["content"] and layer in read["style"]
                d.dot(at[layer] + shift * both, y, KINDS[kind].line, 6)
    for x, (use, kind, _) in zip((left + 14, left + 160), marks):
        d.dot(x, 486, KINDS[kind].line, 6)
        d.text(x + 14, 490.5, f"read for {use}", size=12.5, align="start", color=FAINT)
    d.text(left + 296, 490.5, "a 2 × 2 pooling between two blocks halves the maps", size=12.5, align="start", color=FAINT)
    d.text(left + 8, 516, "Johnson's layers are those of VGG-16 with these names", size=12.5, align="start", color=FAINT)
    return d


def gatys() -> Drawing:
    """1508.06576: the pixels of one picture follow the gradient of two losses, through a network that stays as it is."""
    d = Drawing(
        "Gatys 2015: what is learned is the picture itself",
        "Content p, painting x and style a go through the same frozen VGG-19. The painting's features F at relu4_2 are compared "
        "with the content's, P: the content loss. Its Gram matrices G at five layers are compared with the style's, A: the style "
        "loss. Dotted arrows lead from the total loss back through the features and VGG-19 to the pixels of x, which L-BFGS "
        "changes.",
        560,
    )
    c = 264
    d.picture(MARGIN, c - 199, 114, 84, "content", "content *p*")
    d.picture(MARGIN, c - 42, 114, 84, "result", "painting *x*\nL-BFGS changes\nits pixels")
    d.picture(MARGIN, c + 115, 114, 84, "style", "style *a*")
    d.network(210, c - 204, 112, 408, "VGG-19\nthe same for all\nthree pictures", "frozen", last=0.84)
    for y in (c - 157, c - 12, c + 157):
        d.arrow((145, y), (208, y))
    d.arrow((208, c + 12), (145, c + 12), kind="backward")
    d.text(176, c + 34, "∂*L*/∂*x*", size=12.5, color=BACKWARD)
    content = ("features *P*\nrelu4_2", "features *F*\nrelu4_2", "content loss\n½ Σ (*F* − *P*)^{2}")
    style = ("Gram *A*\nfive layers", "Gram *G*\nfive layers", "style loss\nΣ *w*_{l} (*G* − *A*)^{2}")
    _two_losses(d, c, 157, 48, (322, 374, 150), (608, 136), content, style)
    for up in (-1, 1):
        loss = c + 102.5 * up
        d.arrow((746, loss + 10 * up), (842, loss + 10 * up), (842, c + 32 * up))
        d.arrow((820, c + 30 * up), (820, loss - 10 * up), (746, loss - 10 * up), kind="backward")
    d.box(784, c - 30, 88, 60, "total *L*\n*αL*_{c} + *βL*_{s}", "loss")
    d.legend("picture", "frozen", "statistics", "loss", "forward", "backward")
    return d


def johnson_training() -> Drawing:
    """1603.08155, training: the same two losses, and their gradient goes on into the weights of a network.

    Differs from the paper: VGG-19, as in the rest of the course, for VGG-16.
    """
    d = Drawing(
        "Johnson 2016, training: what is learned is a network",
        "A photograph x goes through a network f with weights W, which paints y. Photograph, painting and a fixed style picture a "
        "go through a frozen VGG-19; content and style loss compare them as in Gatys' method. Dotted arrows lead from the losses "
        "back through VGG-19 and the painting into the weights W, which Adam changes. Each step takes new photographs.",
        532,
    )
    c = 244
    d.picture(MARGIN, c - 36, 94, 72, "content", "photo *x*\nnew ones in\neach step")
    d.network(156, c - 60, 120, 120, "network *f*_{W}\nAdam changes *W*", "trained", waist=0.66)
    d.picture(312, c - 36, 94, 72, "result", "painting *y*")
    d.picture(312, c + 112, 94, 72, "style", "style *a*, fixed")
    d.network(442, c - 186, 92, 372, "VGG-19\nthe same\nfor all", "frozen", last=0.86)
    d.arrow((124, c), (154, c))
    d.arrow((MARGIN + 47, c - 38), (MARGIN + 47, c - 148), (440, c - 148))
    d.arrow((408, c + 148), (440, c + 148))
    for left, right in ((278, 310), (408, 440)):
        d.arrow((left, c - 11), (right, c - 11))
        d.arrow((right, c + 11), (left, c + 11), kind="backward")
    content = ("features *P*\nof *x*", "features *F*\nof *y*", "content loss\n|*F* − *P*|^{2}")
    style = ("Gram *A*\nof *a*", "Gram *G*\nof *y*", "style loss\nΣ |*G* − *A*|^{2}")
    _two_losses(d, c, 148, 48, (534, 566, 144), (760, 112), content, style)
    total = "*L* = *λ*_{c}*L*_{c} + *λ*_{s}*L*_{s} + *λ*_{TV}*L*_{TV}(*y*)"
    d.text(WIDTH - MARGIN, c + 200, total, size=13.5, align="end", color=KINDS["loss"].ink)
    d.legend("picture", "frozen", "trained", "statistics", "loss", "forward", "backward")
    return d


def transformer_net(width: int = 32, size: int = 256) -> Drawing:
    """Johnson's network as the course builds it: its blocks, the five skips, and where weights and work are.

    width: channels after the first block; size: of a square picture, in pixels.
    """
    channels, sides = [width, 2 * width, 4 * width], [size, size // 2, size // 4]
    weights = [3 * width * 81, width * 2 * width * 9, 2 * width * 4 * width * 9]  # of each block's convolution
    work = [side**2 * count for side, count in zip(sides, weights)]
    out = sum(side**2 * count for side, count in zip((sides[1], sides[0], sides[0]), weights[::-1]))
    inside = 10 * (4 * width) ** 2 * 9
    parts = ((sum(weights), sum(work)), (inside, inside * sides[2] ** 2), (sum(weights), out))
    d = Drawing(
        "TransformerNet: three blocks in, five residual blocks, three blocks out",
        f"A photograph of {size} x {size} pixels goes through three convolutions, of which the second and the third halve its "
        f"size, to {channels[2]} maps of {sides[2]} x {sides[2]}. Five residual blocks of two convolutions each follow; around "
        "each of them a skip leads to a sum behind it. Three convolutions out, the first two after a doubling of the size, give "
        "the painting. "
        + "; ".join(f"{name}: {count:,} weights, {made / 1e9:.1f} billion multiplications"
                    for name, (count, made) in zip(("in", "residual", "out"), parts)) + ".",
        392,
    )  # fmt: skip
    middle = 148
    d.picture(MARGIN, middle - 28, 72, 56, "content")
    d.picture(WIDTH - MARGIN - 72, middle - 28, 72, 56, "result")

    def block(x: float, at: int, words: str) -> tuple[float, float]:
        """Draws one with its middle at x; where arrows end and begin."""
        tall, thick = 100 * (sides[at] / size) ** 0.45, 8 + 14 * at / 2
        d.slab(x - thick / 2 - 0.08 * tall, middle - 0.42 * tall, thick, tall, 0.22 * tall, "trained")
        if words:
            d.lines(x, 244, words, size=12, color=KINDS["trained"].ink)
        return x - thick / 2 - 0.08 * tall - 4, x + thick / 2 + 0.08 * tall + 4

    names = ("9 × 9\n", "3 × 3\nstride 2", "3 × 3\nstride 2")
    before = MARGIN + 76
    for at, (x, name) in enumerate(zip((146, 206, 266), names)):
        left, right = block(x, at, f"{name}\n{channels[at]} maps\n{sides[at]} px")
        d.arrow((before, middle), (left, middle))
        before = right
    for k in range(5):
        x = 338 + 62 * k
        left, right = block(x, 2, "")
        d.arrow((before, middle), (left, middle))
        plus = x + 30
        d.arrow((right - 2, middle), (plus, middle), head=False)
        d.arrow((left - 8, middle), (left - 8, middle - 62), (plus, middle - 62), (plus, middle - 5))
        d.dot(plus, middle, INK, 5)
        before = plus + 5
    d.lines(465, 244, f"five times: 3 × 3, ReLU, 3 × 3;\nat the dot the input is added\n{channels[2]} maps, {sides[2]} px", size=12,
            color=KINDS["trained"].ink)  # fmt: skip
    for x, at, name in ((664, 1, "doubled\n3 × 3"), (718, 0, "doubled\n3 × 3"), (772, 0, "9 × 9\n")):
        shown = 3 if x == 772 else channels[at]
        left, right = block(x, at, f"{name}\n{shown} maps\n{sides[at]} px")
        d.arrow((before, middle), (left, middle))
        before = right
    d.arrow((before, middle), (WIDTH - MARGIN - 76, middle))
    for (start, end), (count, made) in zip(((118, 294), (312, 618), (634, 798)), parts):
        d.rule(start, 288, end, 288)
        words = f"{count:,} weights\n{made / 1e9:.1f} billion multiplications"
        d.lines((start + end) / 2, 312, words, size=12)
    d.legend("trained", "forward")
    return d


def _two_losses(d: Drawing, middle: float, target: float, own: float, boxes: tuple[float, float, float],
                losses: tuple[float, float], content: tuple[str, str, str], style: tuple[str, str, str]) -> None:  # fmt: skip
    """From VGG-19 to the content loss above `middle` and the style loss below: targets outside, the painting's own inside, with the
    gradients back to it. boxes: right side of VGG-19, left side and width of the boxes; losses: left side and width.
    """
    (network, left, width), (end, wide) = boxes, losses
    right, turn = left + width, (left + width + end) / 2
    for up, (aim, mine, loss), block in ((-1, content, _features), (1, style, _gram)):
        there, here = middle + target * up, middle + own * up
        between = (there + here) / 2
        block(d, left, there, aim, width)
        block(d, left, here, mine, width)
        d.box(end, between - 30, wide, 60, loss, "loss")
        d.arrow((network + 2, there), (left - 2, there))
        d.arrow((network + 2, here + 10 * up), (left - 2, here + 10 * up))
        d.arrow((left - 2, here - 10 * up), (network + 2, here - 10 * up), kind="backward")
        d.arrow((right + 2, there), (turn - 8, there), (turn - 8, between + 16 * up), (end - 2, between + 16 * up))
        d.arrow((right + 2, here + 10 * up), (turn - 8, here + 10 * up), (turn - 8, between), (end - 2, between))
        back = (turn + 8, between - 16 * up), (turn + 8, here - 10 * up)
        d.arrow((end - 2, between - 16 * up), *back, (right + 2, here - 10 * up), kind="backward")


def _features(d: Drawing, left: float, middle: float, words: str, width: float) -> None:
    d.box(left, middle - 27, width, 54, kind="frozen")
    d.maps(left + 13, middle - 5, 24)
    _beside(d, left + 60, middle, words, "frozen")


def _gram(d: Drawing, left: float, middle: float, words: str, width: float) -> None:
    d.box(left, middle - 27, width, 54, kind="statistics")
    d.gram(left + 13, middle - 17, 35)
    _beside(d, left + 60, middle, words, "statistics")


def _beside(d: Drawing, x: float, middle: float, words: str, kind: str, size: float = 12, align: str = "start") -> None:
    d.lines(x, middle, words, size=size, title=True, align=align, color=KINDS[kind].ink, behind=KINDS[kind].area)


def johnson_use() -> Drawing:
    """1603.08155, use: one pass of the trained network."""
    d = Drawing(
        "Johnson 2016, use: one pass",
        "A photograph goes through the trained network once and comes out as a painting. No style picture, no VGG-19 and no loss "
        "is needed any more: the style is in the weights W.",
        226,
    )
    d.picture(130, 74, 120, 90, "content", "photo *x*")
    d.network(330, 64, 150, 110, "network *f*_{W}\nits weights hold\none style", "trained", waist=0.7)
    d.picture(560, 74, 120, 90, "result", "painting *y*")
    d.arrow((254, 119), (328, 119))
    d.arrow((482, 119), (556, 119))
    d.lines(718, 119, "no VGG-19\nno losses\nno style picture", align="start", color=FAINT)
    return d


def adain() -> Drawing:
    """1703.06868: statistics are exchanged between an encoder and a decoder; two losses train the decoder."""
    d = Drawing(
        "AdaIN 2017: exchange means and deviations, then decode",
        "In use: content c and style s go through VGG-19 up to relu4_1 and give the features x = f(c) and y = f(s). AdaIN gives "
        "each channel of x the mean and the deviation that it has in y; the result t goes through a decoder, which paints g(t). "
        "In training: g(t) goes through "
        "VGG-19 again; the content loss compares its features with t, the style loss its means and deviations at four layers with "
        "those of s. Dotted arrows lead from both back to the decoder.",
        556,
    )
    up, down, c = 108, 252, 180
    d.picture(MARGIN, up - 38, 100, 76, "content", "content *c*")
    d.picture(MARGIN, down - 38, 100, 76, "style", "style *s*")
    d.network(172, 56, 104, 248, "VGG-19\nto relu4_1", "frozen", last=0.8)
    for y, turn, name, above in ((up, c - 43, "*x* = *f*(*c*)", -9), (down, c + 43, "*y* = *f*(*s*)", 20)):
        d.arrow((131, y), (170, y))
        d.arrow((278, y), (423, y), (423, turn))
        d.text(354, y + above, name, color=KINDS["frozen"].ink)
    d.box(308, c - 41, 230, 82, "AdaIN\n*t* = *σ*(*y*) (*x* − *μ*(*x*)) / *σ*(*x*) + *μ*(*y*)\nchannel by channel", "statistics")
    d.arrow((540, c), (586, c))
    d.text(564, c - 10, "*t*", color=KINDS["statistics"].ink)
    d.network(588, c - 62, 104, 124, "decoder *g*\nlearns to paint\nfeatures", "trained", first=0.74)
    d.picture(730, c - 38, 100, 76, "result", "result *g*(*t*)")
    d.arrow((694, c - 10), (727, c - 10))
    d.arrow((727, c + 10), (694, c + 10), kind="backward")

    d.rule(MARGIN, 324, WIDTH - MARGIN, 324)
    d.text(MARGIN, 348, "only in training", align="start", color=FAINT)
    d.network(630, 364, 104, 116, "VGG-19\nthe same", "frozen", first=0.8)
    d.arrow((832, c - 12), (WIDTH - MARGIN, c - 12), (WIDTH - MARGIN, 436), (736, 436))
    d.arrow((736, 408), (856, 408), (856, c + 12), (832, c + 12), kind="backward")
    losses = ((392, 8, "content loss\n|*f*(*g*(*t*)) − *t*|"), (452, -8, "style loss\n|Δ*μ*| + |Δ*σ*|, four layers"))
    for y, inside, words in losses:
        d.box(342, y - 25, 214, 50, words, "loss")
        d.arrow((628, y - inside), (558, y - inside))
        d.arrow((558, y + inside), (628, y + inside), kind="backward")
    d.dot(550, c)
    d.arrow((550, c), (550, 365))
    d.dot(300, down)
    d.arrow((300, down), (300, 452), (340, 452))
    d.text(290, 404, "*μ*, *σ* of *s*", size=12.5, align="end", color=KINDS["statistics"].ink)
    d.legend("picture", "frozen", "trained", "statistics", "loss", "forward", "backward")
    return d


def wct() -> Drawing:
    """1705.08086: the whole covariance is exchanged, at one level, and at five levels one after the other."""
    d = Drawing(
        "WCT 2017: whiten, colour, decode; from large strokes to fine grain",
        "One level: content and style go through VGG-19 up to one layer and give the features x and y. Whitening subtracts the "
        "mean of x and makes its covariance the identity, colouring gives it the covariance and the mean of y; a decoder, which "
        "has learned to give pictures back and has seen no style transfer, makes a picture of them. The cascade: this is done at "
        "relu5_1, relu4_1, relu3_1, relu2_1 and relu1_1, and each level repaints the picture of the last one.",
        622,
    )
    up, down = 120, 252
    d.picture(MARGIN, up - 36, 96, 72, "content", "content *c*")
    d.picture(MARGIN, down - 36, 96, 72, "style", "style *s*")
    d.network(168, 62, 96, 248, "VGG-19\nto one layer", "frozen", last=0.8)
    d.box(308, up - 36, 140, 72, "whiten\n*Σ*_{x}^{−½} (*x* − *μ*_{x})\ncovariance gone", "statistics")
    d.box(490, up - 36, 132, 72, "colour\n*Σ*_{y}^{½} ( … ) + *μ*_{y}\ntakes the style's", "statistics")
    d.box(308, down - 27, 140, 54, "measure\n*μ*_{y} and *Σ*_{y}", "statistics")
    d.network(662, up - 50, 94, 100, "decoder\nof this layer", "trained", first=0.7)
    d.picture(792, up - 30, 80, 60, "result", "result")
    for y in (up, down):
        d.arrow((127, y), (166, y))
        d.arrow((266, y), (306, y))
    for left, right in ((450, 488), (624, 660), (758, 789)):
        d.arrow((left, up), (right, up))
    d.arrow((450, down), (556, down), (556, up + 38))
    learned = "it has learned to undo\nVGG-19: it gives photographs\nand paintings back, no more"
    d.lines(662, down - 30, learned, size=12.5, align="start", color=FAINT)

    d.rule(MARGIN, 342, WIDTH - MARGIN, 342)
    d.text(MARGIN, 367, "the cascade: each level repaints the picture of the last one", align="start", color=FAINT)
    middle, low, width, pitch, first = 424, 522, 94, 124, 152
    d.picture(MARGIN, middle - 31, 82, 62, "content")
    d.picture(MARGIN, low - 31, 82, 62, "style")
    d.picture(790, middle - 31, 82, 62, "result", "result")
    d.arrow((MARGIN + 85, middle), (first - 2, middle))
    for i, layer in enumerate(("relu5_1", "relu4_1", "relu3_1", "relu2_1", "relu1_1")):
        x = first + pitch * i
        d.box(x, middle - 33, width, 66, f"{layer}\nencode, WCT,\ndecode", "statistics", size=12)
        d.arrow((x + width + 2, middle), (x + pitch - 2 if i < 4 else 787, middle))
        d.arrow((x + width / 2, low), (x + width / 2, middle + 35))
    last = first + 4 * pitch + width / 2
    d.arrow((MARGIN + 85, low), (last, low), head=False)
    d.text(first, low + 24, "first large strokes: the layout softens", size=12.5, align="start", color=FAINT)
    d.text(last + width / 2, low + 24, "last the grain and the colours", size=12.5, align="end", color=FAINT)
    d.legend("picture", "frozen", "trained", "statistics", "forward")
    return d


def norms() -> Drawing:
    """What batch (1502.03167), instance (1607.08022) and adaptive instance norm (1703.06868) take their mean and deviation over."""
    d = Drawing(
        "Norms: over what are mean and deviation taken?",
        "Blocks of features with the axes channels, places and pictures; marked is what shares one mean and one deviation. Batch "
        "norm: one channel, all places of all pictures; scale and shift are learned. Instance norm: one channel, the places of "
        "one picture; scale and shift are learned, in conditional instance norm a pair for each style. Adaptive instance norm: the "
        "same places, but scale and shift are the deviation and the mean of that channel in the style's features y.",
        462,
    )
    normal = "(*x* − *μ*_{nk}) / *σ*_{nk}"
    columns = (
        (96, 67, "batch norm", "all places\nof all pictures", "*γ*_{k} (*x* − *μ*_{k}) / *σ*_{k} + *β*_{k}", "*γ*, *β* learned"),
        (346, 67, "instance norm", "the places\nof one picture", "*γ*_{k} " + normal + " + *β*_{k}",
         "*γ*, *β* learned; conditional: a pair for each style"),
        (590, 140, "adaptive instance norm", "the places\nof one picture", "*σ*_{k}(*y*) " + normal + " + *μ*_{k}(*y*)",
         "read off *y*, the style's features"),
    )  # fmt: skip
    for i, (left, half, name, over, formula, learned) in enumerate(columns):
        d.text(left + half, 76, name, size=14.5, bold=True)
        _block(d, left, 144, pictures=3, marked=3 if i == 0 else 1, kind="statistics")
        d.lines(left + half, 318, over, size=12.5, color=FAINT)
        d.text(left + half, 364, formula, size=14, color=KINDS["statistics"].ink)
        d.text(left + half, 389, learned, size=12.5, color=FAINT)
    left = columns[0][0]
    d.text(left + 40, 280, "channels", size=12, color=FAINT)
    d.text(left - 10, 206, "places", size=12, align="end", color=FAINT)
    d.text(left + 114, 256, "pictures", size=12, align="start", color=FAINT)
    _block(d, 772, 144, pictures=1, marked=1, kind="picture")
    d.text(812, 280, "style: *y*", size=12.5, bold=True, color=KINDS["picture"].ink)
    d.rule(MARGIN, 412, WIDTH - MARGIN, 412)
    d.slab(MARGIN + 2, 431, 20, 10, 10, "statistics", strong=True)
    d.text(MARGIN + 40, 440.5, "what shares one mean *μ* and one deviation *σ*", size=12.5, align="start", color=FAINT)
    return d


def _block(d: Drawing, left: float, top: float, pictures: int, marked: int, kind: str) -> None:
    """Features: channels to the right, places downwards, pictures to the back; one channel of the first pictures is marked."""
    for n in reversed(range(pictures)):
        for channel in range(4):
            mark = channel == 1 and n < marked
            d.slab(left + 20 * channel + 18 * n, top - 13.75 * n, 20, 118, 25, kind if mark else "plain", strong=mark)


def roadmap() -> Drawing:
    """The eleven lessons and how one leads to the next."""
    ideas = " ".join(f"{number} {name}: {idea}.".replace("\n", " ") for number, name, idea, _ in LESSONS)
    d = Drawing("The course in eleven lessons", f"A path through eleven boxes. {ideas} Side paths: 02 to 06, 03 to 05.", 552)
    width, height, gap = 192, 104, 26
    places = [*((i, 0) for i in range(4)), *((i, 1) for i in (3, 2, 1, 0)), *((i, 2) for i in range(3))]
    corners = [(MARGIN - 1 + x * (width + gap), 60 + y * (height + 60)) for x, y in places]
    for (x, y), (number, name, idea, kind) in zip(corners, LESSONS):
        d.box(x, y, width, height, kind=kind)
        d.text(x + 14, y + 24, number, size=13, align="start", bold=True, color=KINDS[kind].ink, behind=KINDS[kind].area)
        _beside(d, x + width / 2, y + height / 2 + 8, f"{name}\n{idea}", kind, size=12.5, align="middle")
    for (x, y), (next_x, next_y) in zip(corners, corners[1:]):
        side = (next_x > x) - (next_x < x)
        start = (x + width * (1 + side) / 2 + 2 * side, y + (height / 2 if side else height + 2))
        d.arrow(start, (next_x + width * (1 - side) / 2 - 2 * side, next_y + (height / 2 if side else -2)))
    for start, end, words in ((2, 6, "style as statistics"), (3, 5, "the losses")):
        (x, y), (to_x, to_y) = corners[start], corners[end]
        turn = y + height + 30
        d.arrow((x + 40, y + height + 2), (x + 40, turn), (to_x + width - 40, turn), (to_x + width - 40, to_y - 2), kind="aside")
        d.text(to_x + width - 50, turn + 6, words, size=12.5, align="end", color=FAINT)
    y = corners[10][1] + height + 36
    d.text(MARGIN, y, "what is learned", size=13, align="start", bold=True)
    learned = (("picture", "03, 10: the picture itself", 150), ("trained", "04, 05: a network for one style", 352),
               ("statistics", "06, 07: a decoder; any style is read off", 590))  # fmt: skip
    for kind, words, x in learned:
        d.dot(x + 7, y - 4.5, KINDS[kind].line, 6)
        d.text(x + 22, y, words, size=12.5, align="start", color=FAINT)
    return d
