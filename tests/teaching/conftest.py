"""The last lines of `make test` say what the tests of the exercises have shown."""

from __future__ import annotations

import pytest

COUNTED = {  # the test whose passes are counted -> what one pass means
    "test_stub_is_not_attempted_yet": 'exercises whose stub is "not attempted yet"',
    "test_solution_is_right": "solutions that their check finds right",
    "test_another_right_answer_is_accepted": "other right answers accepted",
    "test_wrong_answer_is_rejected_with_its_hint": "wrong answers rejected with the hint meant for them",
    "test_question_is_whole": "quiz questions, each wrong choice explained",
}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Counts of passed tests, nothing that is merely there."""
    passed = [report.nodeid for report in terminalreporter.stats.get("passed", [])]
    counts = {what: sum(f"::{test}[" in nodeid for nodeid in passed) for test, what in COUNTED.items()}
    if any(counts.values()):
        terminalreporter.section("exercises")
        for what, count in counts.items():
            terminalreporter.line(f"{count:5}  {what}")
        for report in terminalreporter.stats.get("passed", []):
            for name, marks in report.user_properties:
                if name == "nbgrader marks":
                    terminalreporter.line(f"       nbgrader marks: {marks}")
