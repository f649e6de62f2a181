"""`python -m nst` is the `nst` command."""

from nst.command.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
