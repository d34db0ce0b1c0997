"""Parse bash text with placeholders, and return the place of each.

It knows the quotes of bash, its substitutions, here-documents and comments, and texts that are programs of
another shell (``bash -c "..."``). Where it cannot be sure how bash parses a text, the following places only
allow harmless values.
"""

from __future__ import annotations

import re

from reprise.named_tuple import NamedTuple
from reprise.runner.shell import quoting
from reprise.runner.shell.code_words import BASH, SHELL, code_language
from reprise.runner.shell.here_documents import HereDocument, find_text, read_operator
from reprise.runner.shell.marked_text import MarkedText
from reprise.runner.shell.quoting import MARK, QuotingPlace, Refused
from reprise.runner.shell.words import SimpleCommand, Word

_ENDS_WORD = " \t\n;&|()<>"
_NEUTRAL = "x"  # for what an expansion may bring
_UNREAD = "\1"  # for what an escape in $'...' means
_NAME = re.compile(r"[A-Za-z_]\w*|[0-9@*#?$!-]")
_BACKTICKS = re.compile(r"(?s)`((?:[^`\\]|\\.)*)`?")


class ShellReading(NamedTuple):
    """The place of each mark, in order, and that of the end of the text."""

    places: tuple[QuotingPlace, ...]
    end: QuotingPlace


def read_places(text: str, *, in_pairs: bool = False) -> ShellReading:
    """Return the places of the marks of ``text``; ``in_pairs``: the marks surround filled-in values.

    Raises:
        Refused: a filled-in value would end a here-document.
    """
    reader = _ShellReader(text, in_pairs)
    reader.read_commands()
    return ShellReading(tuple(reader.places), reader.end)


class _ShellReader(MarkedText):
    """Parses a text of a shell."""

    def __init__(
        self, text: str, in_pairs: bool, refusal: str = "", depth: int = 0, *, is_bash: bool = True
    ) -> None:
        super().__init__(text, in_pairs, refusal)
        self.depth = depth  # of substitutions
        self.is_bash = is_bash
        self._documents: list[HereDocument] = []

    def read_commands(self, closer: str = "") -> None:
        """Read commands up to ``closer``, or to the end."""
        outer, self.command = self.command, SimpleCommand()
        parentheses = 0
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == ")" and closer and not parentheses:
                self.at += 1
                break
            if char in "()" and not self.starts("(("):
                parentheses = max(0, parentheses + (1 if char == "(" else -1))
            self._read_unquoted(char)
        self._end_word()
        self.command = outer

    def read_quoted(
        self, closer: str, place: QuotingPlace, escaped: QuotingPlace | None, only: str = ""
    ) -> None:
        """Read text in which expansions are made, where a backslash quotes ``only`` some characters.

        Without ``only`` there are no expansions, and a backslash quotes all or, where ``escaped`` is None,
        nothing. The opening quote is read already.
        """
        self.command.add_text("")
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == closer:
                self.at += 1
                return
            if char == MARK:
                self.take_mark(place)
            elif char == "\\" and escaped is not None:
                self._read_escaped(escaped, only)
            elif char in "`$" and only:
                self._read_expansion(char, quoted=True)
            else:
                self.command.add_text(char)
                self.at += 1
        self.end = place

    def _read_unquoted(self, char: str) -> None:
        if char == MARK:
            self.take_mark(quoting.in_braces(quoting.PLAIN) if self.command.braces > 0 else quoting.PLAIN)
        elif char == "\\":
            self._read_escaped(quoting.ESCAPED)
        elif char == "'":
            self.at += 1
            self.read_quoted("'", quoting.SINGLE, None)
        elif char in '"`$':
            self._read_expansion(char)
        elif char == "#" and self.command.is_between_words:
            self._read_comment()
        elif char in "<>" and self.starts("(", 1):
            self.at += 2
            self._read_substitution()
        elif self.starts("<<") and not self.starts("<<<"):
            self._read_here_operator()
        elif self.starts("(("):
            self.at += 2
            self._read_arithmetic("()", 2)
        elif char in _ENDS_WORD:
            self._read_separator(char)
        else:
            self.command.braces += (char == "{") - (char == "}")
            self.command.add_text(char)
            self.at += 1

    def _read_separator(self, char: str) -> None:
        self._end_word()
        redirects = self.text[max(0, self.at - 1)] in "<>" or self.starts(">", 1)
        self.at += 3 if self.starts("<<<") else 1
        if char in "\n;|()" or (char == "&" and not redirects):
            self.command.end_command()
        if char == "\n":
            self._read_here_documents()

    def _read_escaped(self, place: QuotingPlace, only: str = "") -> None:
        """Read a backslash and the character it quotes, one of ``only`` if not all can be quoted."""
        self.at += 1
        if self.starts(MARK):
            self.take_mark(place)
            if not self.in_pairs or self.starts(MARK):
                return
        char = self.text[self.at : self.at + 1]
        if not char:
            self.end = place
        if only and char not in only:
            self.command.add_text("\\")
        self.command.add_text(_UNREAD if place is quoting.DOLLAR_ESCAPED else "" if char == "\n" else char)
        self.at += 1

    def _read_expansion(self, char: str, *, quoted: bool = False) -> None:
        """Double quotes, backticks or what a dollar begins."""
        if char == '"':
            self.at += 1
            self.read_quoted('"', quoting.DOUBLE, quoting.DOUBLE_ESCAPED, '$`"\\\n')
        elif char == "`":
            self._read_backticks(quoted)
        else:
            self.at += 1
            self._read_dollar(quoted)

    def _read_dollar(self, quoted: bool) -> None:
        if self.starts("(("):
            self.at += 2
            self._read_arithmetic("()", 2)
        elif self.starts("["):
            self.at += 1
            self._read_arithmetic("[]", 1)
        elif self.starts("("):
            self.at += 1
            self._read_substitution()
        elif self.starts("{"):
            self.at += 1
            self._read_parameter(quoted)
        elif self.starts("'") and not quoted:
            self.at += 1
            place = quoting.DOLLAR_QUOTES if self.is_bash else quoting.DOLLAR_QUOTES_OF_SH
            self.read_quoted("'", place, quoting.DOLLAR_ESCAPED)
        elif self.starts(MARK):
            self.take_mark(quoting.AFTER_DOLLAR._replace(after="double quotes" if quoted else "plain"))
        elif name := _NAME.match(self.text, self.at):
            self.at = name.end()
            self.name_end = self.at if name[0][0].isidentifier() else -1
            self.command.add_text(_NEUTRAL)
        elif quoted or not self.starts('"'):  # $"..." is read as "..."
            self.command.add_text("$")

    def _read_backticks(self, quoted: bool) -> None:
        """The text in them is read once more, without its backslashes."""
        found = _BACKTICKS.match(self.text, self.at)
        assert found is not None
        self.at = found.end()
        if re.search(r"\\[`\0]|(?<!\\)\$[({\[]", found[1]):  # bash reads some of it twice
            self.doubt()
        taken = r'[`$\\"]' if quoted else r"[`$\\]"
        text = re.sub(rf"\\({taken})", r"\1", found[1])
        inner = _ShellReader(text, self.in_pairs, self.refusal, self.depth + 1, is_bash=self.is_bash)
        inner.read_commands()
        self.places += [place.inside(quoting.BACKTICK) for place in inner.places]
        self.refusal = inner.refusal
        self.command.add_text(_NEUTRAL)

    def _read_substitution(self) -> None:
        """``$(...)`` or ``<(...)``, whose opening is read already."""
        self.depth += 1
        self.read_commands(")")
        self.depth -= 1
        self.command.add_text(_NEUTRAL)

    def _read_parameter(self, quoted: bool) -> None:
        """``${...}``, whose opening is read already."""
        outer = self.command.word
        while self.at < len(self.text) and not self.starts("}"):
            char = self.text[self.at]
            if char == MARK:
                self.take_mark(quoting.PARAMETER)
            elif char in '"`$':
                self._read_expansion(char, quoted=quoted)
            elif char == "'" and not quoted:
                self.at += 1
                self.read_quoted("'", quoting.PARAMETER, None)
            else:
                if char == "'":  # it quotes for some operators, and not for others
                    self.doubt()
                self.at += 2 if char == "\\" and not self.starts(MARK, 1) else 1
        self.at += 1
        self.command.replace_word(outer, _NEUTRAL)

    def _read_arithmetic(self, parentheses: str, depth: int) -> None:
        """Up to the end of ``depth`` parentheses, which are open already."""
        outer = self.command.word
        while self.at < len(self.text) and depth:
            char = self.text[self.at]
            if char == MARK:
                self.take_mark(quoting.ARITHMETIC)
            elif char in '"`$':
                self._read_expansion(char, quoted=True)
            else:
                self.at += 2 if char == "\\" and not self.starts(MARK, 1) else 1
                depth += (char == parentheses[0]) - (char == parentheses[1])
        self.command.replace_word(outer, _NEUTRAL)

    def _read_comment(self) -> None:
        if self.depth:  # versions of bash do not agree on where it ends
            self.doubt()
        while self.at < len(self.text) and not self.starts("\n"):
            if self.starts(MARK):
                self.add_place(quoting.COMMENT)
            self.at += 1
        if self.at == len(self.text):
            self.end = quoting.COMMENT

    def _read_here_operator(self) -> None:
        """``<<END``; the text begins on the next line."""
        self._end_word()
        document, word, self.at = read_operator(self.text, self.at)
        if not word or self.depth or re.search(r"[\0$`]", word):
            self.doubt()
        for _ in range(word.count(MARK)):
            self.add_place(quoting.HERE_END)
        self._documents.append(document)

    def _read_here_documents(self) -> None:
        documents, self._documents = self._documents, []
        for document in documents:
            found = find_text(document, self.text, self.at, MARK)
            if MARK in (found.last_line or ""):
                raise Refused("it would end its here-document")
            if found.is_open:
                self.end = quoting.HERE_END
            self.at = found.after
            self._read_here_text(document, self.text[found.start : found.end])

    def _read_here_text(self, document: HereDocument, text: str) -> None:
        inner = _ShellReader(text, self.in_pairs, self.refusal, self.depth, is_bash=self.is_bash)
        if document.is_literal:
            inner.read_quoted("", quoting.HERE_LITERAL, None)
        else:
            inner.read_quoted("", quoting.HERE_TEXT, quoting.HERE_ESCAPED, "$`\\\n")
        strip = QuotingPlace("<<-", (quoting.without_tabs,))
        for place in inner.places:
            if not document.is_literal and not place.kind.startswith("here-"):
                place = place.inside(quoting.HERE_INSIDE)
            self.places.append(place.inside(strip) if document.strips_tabs else place)
        self.refusal = inner.refusal

    def _end_word(self) -> None:
        if self.command.word.marks:
            self._read_code(self.command.word)
        self.command.end_word()
        if self.depth and "case" in self.command.words:  # its patterns have parentheses that close nothing
            self.doubt()

    def _read_code(self, word: Word) -> None:
        """Return the places in a word that is itself a program with values."""
        language = code_language(self.command.words)
        around = re.sub(r"\0[^\0]*\0" if self.in_pairs else MARK, "", word.text)
        if language is None or not around:  # a value that is all of it is meant to be a program
            return
        if language in (BASH, SHELL):
            inner = _ShellReader(
                word.text, self.in_pairs, self.refusal, self.depth, is_bash=language == BASH
            )
            if _UNREAD in word.text:
                inner.doubt()
            inner.read_commands()
            places = inner.places
        else:
            places = [QuotingPlace(language, refusal=f"it is in a program of {language}")] * len(word.marks)
        for index, place in zip(word.marks, places, strict=True):
            self.places[index] = place.inside(self.places[index])
