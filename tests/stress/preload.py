"""What every worker imports: once, before it is forked."""

import torchvision  # noqa: F401

import nst.gatys  # noqa: F401
import nst.training  # noqa: F401
