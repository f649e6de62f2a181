"""The fast part of `make stress`: a few hundred of its cases, the same on every run."""

from __future__ import annotations

from stress import Row, checkpoints, films, folders, masks, pictures, training, weights

from nst.support import interrupts


def check(rows: list[Row]) -> None:
    for row in rows:
        assert row.skipped or row.tried and not row.failures and not row.lost, "\n".join(row.failures)


def test_mutated_pictures():
    check(pictures.run(200, seed=1))


def test_mutated_weights():
    check(weights.run(60, seed=1))


def test_killed_trainings():
    row = training.killed_at_random(Row("at random"), 2, seed=1)
    check([row, training.killed_while_writing(Row("while writing"), (3, 25))])


def test_trainings_that_are_asked_to_leave_or_find_the_disk_full():
    check([training.asked_to_leave(Row(number.name), number) for number in interrupts.SIGNALS])
    check([training.disk_full(Row("disk"))])


def test_the_table_notices():
    """A worker that dies, one that takes too much, one that starts a program: each is a failure with its name."""
    from stress import Limits, isolated

    cases = [("fine", "1"), ("dies", "os._exit(3)"), ("wrong", "1 / 0"), ("large", "b'x' * 10**8"), ("fine again", "1"),
             ("program", "os.system('true')"), ("slow", "sum(range(10**8))")]  # fmt: skip
    row = isolated(Row("a row"), "stress:evaluate", cases, Limits(seconds=0.5, mib=50))
    assert row.tried == 7 and [failure.split(":")[0] for failure in row.failures] == ["dies", "wrong", "large", "program", "slow"]
    assert "exit code 3" in row.failures[0] and "ZeroDivisionError" in row.failures[1] and "os.system" in row.failures[3]
    assert str(row).split()[2:5] == ["7", "5", "0"] and str(Row("b", skipped="why")).endswith("skipped: why")


def test_masks_and_folders():
    check(masks.run(200, 0))
    check(folders.run(100, 0))


def test_checkpoints():
    check(checkpoints.run(300, 0))


def test_films():
    check(films.run(60, 0))
