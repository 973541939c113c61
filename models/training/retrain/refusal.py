"""Why nothing was trained or written, in words for whoever runs it."""


class Refusal(Exception):
    """`exit_code` 2: the input cannot be used; 3: the new version is worse than the champion."""

    def __init__(self, message: str, exit_code: int = 2):
        super().__init__(message)
        self.exit_code = exit_code
