"""nst.support.memory: a size that is said to fit does fit, under the same limit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import weakref

import pytest
import torch
from stress.training import Noise, to_grey
from torch import nn
from training.test_loop import small

from nst.support import memory
from nst.training import train
from nst.transformer_net import TransformerNet

ERRORS = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"),
]


@pytest.mark.parametrize("error", ERRORS)
def test_the_largest_that_fits_is_named(error: Exception):
    def run(size: int = 100):
        if size > 30:
            raise error
        return size

    with pytest.raises(MemoryError, match=r"^100 is too much; 25 fits$"):
        memory.with_advice(run, lambda: f"100 is too much; {memory.first_that_fits(run, (75, 50, 25, 10))} fits")
    assert memory.first_that_fits(run, (75, 50)) is None
    assert memory.with_advice(lambda: run(7), str) == 7


def test_shorter_sides_are_tried_from_large_to_small():
    tried = []

    def too_large(side: int):
        tried.append(side)
        raise MemoryError

    assert memory.shorter_side_that_fits(too_large, 256, 300) is None and tried == [192, 128, 96, 64, 48, 32]
    assert memory.shorter_side_that_fits(lambda side: side, 300, 256) == 192
    assert memory.too_large("style", 256, 300, None).endswith("style: 300 x 256 pixels need more memory than there is; nothing "
                                                              "smaller fits, either")  # fmt: skip


def test_other_errors_stay_what_they_are():
    def wrong(size: int = 0):
        raise RuntimeError("shapes do not fit" if size else "out of memory")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        memory.with_advice(wrong, lambda: str(memory.first_that_fits(wrong, (1,))))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        memory.with_advice(lambda: wrong(1), str)


LIMITED = """
    import re, resource, sys
    import nst, torch
    from nst import adain, gatys, wct
    from nst.decoders import Decoder

    encoder, style = nst.VGG19.load("lite"), torch.rand(1, 3, 96, 96)
    widths = [encoder.get_submodule(f"conv{block}_1").out_channels for block in (1, 2, 3, 4)]
    decoder = Decoder("relu4_1", widths[3], widths[:3]).eval().requires_grad_(False)
    config = nst.GatysConfig.default(evaluations=6, scales=1, history=4)

    net = nst.TransformerNet(32)

    def paint(content):
        if sys.argv[1] == "gatys":
            return gatys.stylize(content, style, config=config, encoder=encoder)
        if sys.argv[1] == "wct":
            return wct.stylize(content, style, levels=[4], encoder=encoder, decoders={4: decoder})
        if sys.argv[1] == "transformer_net":
            return net.stylize(content)
        return adain.stylize(content, style, encoder=encoder, decoder=decoder)

    paint(torch.rand(1, 3, 64, 64))  # what is loaded only when it is used
    held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + 160 * 2**20,) * 2)
    try:
        paint(content := torch.rand(1, 3, 960, 1040))
    except MemoryError as error:
        print(error)
        fits = int(re.search(r"shorter side of (\\d+) px fits", str(error)).group(1))
        print(tuple(paint(nst.images.resize(content, fits)).shape))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process' memory as Linux does")
@pytest.mark.parametrize("method", ["gatys", "adain", "wct", "transformer_net"])
def test_the_size_that_is_named_fits(method: str):
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}  # what is given back is free again, and not in pieces
    command = [sys.executable, "-c", textwrap.dedent(LIMITED), method]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "content: 1040 x 960 pixels need more memory than there is" in done.stdout
    fits = int(re.search(r"shorter side of (\d+)", done.stdout).group(1))
    assert f"(1, 3, {fits}, " in done.stdout and 32 <= fits < 960


def test_a_batch_that_does_not_fit():
    """The loss runs out of memory with more than three pictures: 3 is named, and 3 works."""

    def hungry(net: nn.Module, encoder: nn.Module, batch, step: int):
        if len(batch.content) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return to_grey(net, encoder, batch, step)

    def run(batch_size: int):
        return train(TransformerNet(2), nn.Identity(), hungry, Noise(), small(steps=2, batch_size=batch_size))

    with pytest.raises(MemoryError, match="^step 1: batch_size=8 needs more memory than there is; 3 would fit$"):
        run(8)
    assert len(run(3)) == 2


def test_what_the_failed_calls_held_is_let_go_of():
    """While the error is still at hand: a device's cache is emptied right after."""
    held = []

    def fail() -> None:
        large = torch.ones(3)
        held.append(weakref.ref(large))
        raise MemoryError

    try:
        fail()
    except MemoryError as error:
        assert held[0]() is not None
        memory._forget(error)
        assert held[0]() is None
