"""What the exercises ask: `checks` of the answers, and the `quiz` of each lesson."""
