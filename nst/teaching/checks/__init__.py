"""Checks of the exercises, one module per lesson. In a notebook:

    from nst.teaching import checks
    checks.gram_matrix(gram_matrix)

prints "right: …" with what was verified, or "not attempted yet" for a stub; for a wrong answer it raises `CheckFailed` with a hint
that names the likely mistake. `with checks.strict():` makes a stub fail, too, for marks. `checks.CHECKS` lists all checks by name.
"""

from nst.teaching.checks import (
    lesson00,
    lesson01,
    lesson02,
    lesson03,
    lesson04,
    lesson05,
    lesson06,
    lesson07,
    lesson08,
    lesson09,
    lesson10,
)
from nst.teaching.checks.lesson00 import *  # noqa: F403
from nst.teaching.checks.lesson01 import *  # noqa: F403
from nst.teaching.checks.lesson02 import *  # noqa: F403
from nst.teaching.checks.lesson03 import *  # noqa: F403
from nst.teaching.checks.lesson04 import *  # noqa: F403
from nst.teaching.checks.lesson05 import *  # noqa: F403
from nst.teaching.checks.lesson06 import *  # noqa: F403
from nst.teaching.checks.lesson07 import *  # noqa: F403
from nst.teaching.checks.lesson08 import *  # noqa: F403
from nst.teaching.checks.lesson09 import *  # noqa: F403
from nst.teaching.checks.lesson09 import suspects
from nst.teaching.checks.lesson10 import *  # noqa: F403
from nst.teaching.checks.lesson10 import equal_gram_textures
from nst.teaching.checks.machinery import CHECKS, CheckFailed, strict

LESSONS = (lesson00, lesson01, lesson02, lesson03, lesson04, lesson05, lesson06, lesson07, lesson08, lesson09, lesson10)

__all__ = ["CHECKS", "CheckFailed", "LESSONS", "strict", *CHECKS, "equal_gram_textures", "suspects"]
