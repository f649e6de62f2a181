"""data/make/faults.py: the width of strokes, measured on waves whose width is known."""

from __future__ import annotations

import importlib
import math
from pathlib import Path

import pytest
import torch

MAKE = Path(__file__).resolve().parents[2] / "data" / "make"


@pytest.mark.parametrize("period", [6.0, 12.0, 20.0])
def test_the_wavelength_of_a_wave_is_its_period(period: float, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(MAKE)
    wavelength = importlib.import_module("faults").wavelength
    x = torch.arange(240.0).expand(1, 3, 240, 240)
    wave = 0.5 + 0.2 * torch.sin(2 * math.pi * x / period)
    slope = 2 * math.sin(math.pi / period)  # of a difference of neighbours, over that of the sine itself
    assert wavelength(wave) == pytest.approx(2 * math.pi / slope, rel=0.08)
    light = 0.3 * torch.linspace(0, 1, 240)[:, None]  # light and shade are no strokes
    assert wavelength(wave + light) == pytest.approx(wavelength(wave), rel=0.05)
