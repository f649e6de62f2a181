"""nst.support.arguments: what is a number, what is a name, and what an error says."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nst.support.arguments import check_choice, check_number, check_share, check_whole, missing, unknown


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.int64(1)])
def test_shares(value):
    check_share("alpha", value)


@pytest.mark.parametrize("value", [-0.01, 1.01, True, "1", None, float("nan"), float("inf"), [0.5]])
def test_what_is_no_share(value):
    with pytest.raises(ValueError, match="^alpha=.*: expected a number from 0 to 1$"):
        check_share("alpha", value)


def test_numbers_and_their_bounds():
    check_number("weight", 0), check_number("weight", 1e30), check_number("rate", 1e-9, above=True)
    with pytest.raises(ValueError, match="^weight=-1: expected a number of at least 0$"):
        check_number("weight", -1)
    with pytest.raises(ValueError, match="^rate=0: expected a number above 0$"):
        check_number("rate", 0, above=True)
    with pytest.raises(ValueError, match="weight=inf"):
        check_number("weight", float("inf"))


def test_whole_numbers():
    check_whole("steps", 1), check_whole("steps", np.int32(3)), check_whole("warmup", 0, least=0)
    for wrong in (0, 1.0, True, "2"):
        with pytest.raises(ValueError, match="^steps=.*: expected a whole number of at least 1$"):
            check_whole("steps", wrong)


def test_names():
    check_choice("form", "mean", ("mean", "sum"))
    with pytest.raises(ValueError, match="^form='men': expected one of mean, sum$"):
        check_choice("form", "men", ("mean", "sum"))
    assert str(unknown("style", "cut_papr", ["cut_paper", "waves"], also="a file, or ")) == (
        "unknown style 'cut_papr': did you mean 'cut_paper'? expected a file, or one of cut_paper, waves"
    )
    assert str(unknown("picture", "zzz", ["cat"])) == "unknown picture 'zzz': expected one of cat"


def test_what_is_missing_says_the_extra():
    said = str(missing(ModuleNotFoundError("no", name="accelerate"), "train"))
    assert said.startswith("accelerate is not installed") and '".[train]"' in said
    without = "import sys; sys.modules |= {'matplotlib': None, 'accelerate': None}; import nst; "
    for wanted, package, extra in (("show", "matplotlib", "notebooks"), ("training.train", "accelerate", "train")):
        run = subprocess.run([sys.executable, "-c", f"{without}nst.{wanted}"], capture_output=True, text=True)
        assert f"{package} is not installed; it comes with the extra '{extra}'" in run.stderr
