"""How a verb says no: one clear sentence and an exit code, never a traceback."""


class CommandFailed(Exception):
    """The command could not do what was asked; the message is shown to the user as it is."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
