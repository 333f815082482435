"""Progress as lines where nobody can redraw, as a bar where somebody can."""

import io

from lamplighter.sandboxes.runtimes.progress import ProgressBar, Step, scaled


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_file_gets_one_line_for_each_new_text() -> None:
    stream = io.StringIO()
    bar = ProgressBar(stream)
    for step in (
        Step("python3.12", "compiling", 0.1),
        Step("python3.12", "compiling", 0.2),
        Step("python3.12", "done", 1),
    ):
        bar(step)
    assert stream.getvalue() == "python3.12: compiling\npython3.12: done\n"


def test_a_terminal_gets_one_line_that_is_redrawn_and_ended() -> None:
    stream = Terminal()
    bar = ProgressBar(stream)
    bar(Step("python3.12", "compiling", 0.5))
    assert "\n" not in stream.getvalue()
    assert " 50% compiling" in stream.getvalue()
    bar(Step("python3.12", "installed", 1.0))
    assert stream.getvalue().endswith("100% installed\n")


def test_a_part_takes_its_stretch_of_the_whole() -> None:
    heard: list[Step] = []
    scaled(heard.append, 0.2, 0.6)(Step("python3.12", "half", 0.5))
    assert heard == [Step("python3.12", "half", 0.4)]
