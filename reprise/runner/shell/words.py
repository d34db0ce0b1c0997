"""The words of a simple command, as far as they are known while it is read."""

from __future__ import annotations

from reprise.named_tuple import NamedTuple


class Word(NamedTuple):
    """The text of a word without its quotes, and the indices of the places in it."""

    text: str
    marks: tuple[int, ...]


class SimpleCommand:
    """``words`` are those before the current word."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.braces = 0
        """How many ``{`` of the word are open."""
        self._text: str | None = None
        self._marks: list[int] = []

    @property
    def is_between_words(self) -> bool:
        return self._text is None

    @property
    def word(self) -> Word:
        return Word(self._text or "", tuple(self._marks))

    def add_text(self, text: str) -> None:
        """Add to the word, or begin one."""
        self._text = (self._text or "") + text

    def add_mark(self, mark: str, index: int) -> None:
        """Add a placeholder to the word: ``mark`` represents it, its place is ``index``."""
        self._marks.append(index)
        self.add_text(mark)

    def replace_word(self, word: Word, added: str) -> None:
        """Reset the state to ``word`` and what was ``added``."""
        self._text, self._marks = word.text + added, list(word.marks)

    def end_word(self) -> None:
        if self._text is not None:
            self.words.append(self._text)
        self._text, self._marks, self.braces = None, [], 0

    def end_command(self) -> None:
        self.words = []
