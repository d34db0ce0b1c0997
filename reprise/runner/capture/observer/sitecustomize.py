"""Note what a Python process of a run uses: files, programs, hosts, names of variables.

The folder of this file is first on the PYTHONPATH of a run, so that every Python of it, old or new, imports
this as its ``sitecustomize``. It needs Python 3.6 and only the standard library. It restores ``sys.path``,
and imports the next ``sitecustomize``.

Each new item is a line, appended at once to a file of the process in the folder ``REPRISE_OBSERVED``, so
that ``os._exit`` and ``kill -9`` lose nothing: a word, the time, and fields, separated by tabs
(``observed.py`` reads them). No descriptor stays open: a program that closes unknown descriptors could
otherwise reuse the number for its own file.

Our errors are ignored: a run must not notice that it is observed.
"""

import os
import stat
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MOST = 100000  # things that a process notes
WORDS = 200  # of a command that are noted
FEW = 100  # files that are kept
LARGEST = 10 * 10**6  # bytes of a file that is copied before the run changes it
APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
WRITES = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_TRUNC | os.O_CREAT
SYSTEM = ("/proc", "/sys", "/dev", "/run", "/etc", "/bin", "/lib", "/lib64", "/usr/bin", "/usr/lib")
SYSTEM += ("/usr/lib64", "/usr/share", "/usr/include", "/System", "/Library")
OF_AN_INTERPRETER = ("bin", "lib", "lib64", "include", "share", "etc", "ssl", "conda-meta", "pyvenv.cfg")


class Notes:
    """The file of this process, and what it holds already."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.known = set()  # type: set
        self.count = 0
        self.lost = 0
        self.begin()

    def begin(self) -> None:
        """From now on the notes are those of another process."""
        self.file = f"{self.folder}/{os.getpid()}.{time.monotonic() * 1e9:.0f}"

    def add(self, word: str, *fields: str) -> None:
        """Append a new item."""
        if (word, fields) not in self.known and self.count <= MOST:
            self.known.add((word, fields))
            self.append(word, *fields)

    def append(self, word: str, *fields: str) -> None:
        """Append a line as long as there are not too many; what cannot be written is counted."""
        self.count += 1
        if self.count > MOST:
            if self.count > MOST + 1:
                return
            word, fields = "FULL", ()
        text = line(word, *fields)
        if self.lost:
            text = line("LOST", str(self.lost)) + text
        if self.write(text):
            self.lost = 0
        else:
            self.lost += 1

    def write(self, text: str) -> bool:
        try:
            descriptor = os.open(self.file, APPEND, 0o600)
            try:
                os.write(descriptor, text.encode("utf-8", "surrogateescape"))
            finally:
                os.close(descriptor)
        except OSError as error:
            if is_foreign(error):
                raise
            return False
        return True


def line(word: str, *fields: str) -> str:
    words = (word, f"{time.monotonic():.6f}", *fields)
    text = "\t".join(words)
    if text.count("\t") >= len(words) or "\n" in text or "\\" in text:
        text = "\t".join(map(escaped, words))
    return text + "\n"


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


class Variables(dict):
    """What ``os.environ`` keeps its variables in: notes the names that are asked for.

    To walk over all of them, as a copy does, asks for each in its turn, and is not noted.
    """

    def watch(self, notes: Notes) -> None:
        self.notes = notes
        self.asked = set()  # type: set
        self.walk = iter(())

    def __iter__(self) -> object:
        names = list(dict.__iter__(self))
        self.walk = iter(names)
        return iter(names)

    def __getitem__(self, name: bytes) -> bytes:
        if self.walk is not None:
            if next(self.walk, None) == name:
                return dict.__getitem__(self, name)
            self.walk = None
        if name not in self.asked:
            self.asked.add(name)
            self.notes.add("VARIABLE", os.fsdecode(name))
        return dict.__getitem__(self, name)


class Watch:
    """The audit hook. What it does for an event that says nothing must cost next to nothing."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        self.read = set()  # type: set
        self.written = set()  # type: set
        self.kept = set()  # type: set
        self.folder = ""
        self.skipped = uninteresting(notes.folder)
        self.steps = {
            "open": self.open,
            "import": lambda args: args[1] and self.load(args[1]),
            "ctypes.dlopen": lambda args: self.load(args[0]),
            "sqlite3.connect": lambda args: self.open_database(args[0]),
            "os.chdir": lambda args: self.leave_folder(),
            "os.remove": lambda args: self.add("REMOVE", args[0], args[1]),
            "os.rename": self.rename,
            "os.link": lambda args: self.add("WRITE", args[1], args[3]),
            "os.symlink": lambda args: self.add("WRITE", args[1], args[2]),
            "os.truncate": lambda args: self.add("WRITE", args[0]),
            "subprocess.Popen": lambda args: self.start(args[0], args[1], args[2]),
            "os.posix_spawn": lambda args: self.start(args[0], args[1]),
            "os.exec": lambda args: self.start(args[0], args[1]),
            "os.system": lambda args: self.start("sh", ("sh", "-c", args[0])),
            "socket.connect": lambda args: self.connect(args[1]),
            "socket.getaddrinfo": lambda args: self.connect(args[:2]),
            "socket.gethostbyname": lambda args: self.connect((args[0], "")),
        }

    def hook(self) -> object:
        find = self.steps.get

        def note(event: str, args: tuple) -> None:
            step = find(event)
            if step is not None:
                try:
                    step(args)
                except Exception as error:
                    if is_foreign(error):
                        raise

        return note

    def open(self, args: tuple) -> None:
        path, _, flags = args
        if path.__class__ is not str:
            if path.__class__ is int:
                return
            path = os.fsdecode(path)
        if path[:1] != "/":
            path = self.full(path)
        elif "/../" in path or "//" in path:
            path = os.path.normpath(path)
        if path.startswith(self.skipped):
            return
        if "/." in path:
            path = os.path.normpath(path)
            if path.startswith(self.skipped):
                return
        if path in (self.written if flags & WRITES else self.read):
            return
        if not flags & WRITES or (flags & os.O_RDWR and not flags & os.O_TRUNC):
            if len(self.read) < MOST:
                self.read.add(path)
            self.notes.append("READ", source_of(path) if path.endswith(".pyc") else path)
        if flags & WRITES and "/__pycache__/" not in path:
            self.add("WRITE", path)

    def full(self, path: str) -> str:
        if not self.folder:
            self.folder = os.getcwd()
        return os.path.normpath(f"{self.folder}/{path}")

    def leave_folder(self) -> None:
        """Forget the current folder, which is about to change: it is read again when a path needs it."""
        self.folder = ""

    def add(self, word: str, path: object, folder: int = -1) -> None:
        """Note a relevant file; ``folder`` is the descriptor of its folder, or -1."""
        if path.__class__ is int:
            return
        path = os.fsdecode(path)
        if path[:1] != "/":
            if folder != -1:
                return
            path = self.full(path)
        if path.startswith(self.skipped):
            return
        if word != "READ":
            if path in self.read and path not in self.written:
                self.keep(path)
            self.written.add(path)
        self.notes.add(word, path)

    def keep(self, path: str) -> None:
        """Copy a file that was read, before it is changed."""
        if path in self.kept or len(self.kept) >= FEW:
            return
        self.kept.add(path)
        copy = f"{self.notes.file}.{len(self.kept)}"
        try:
            state = os.stat(path)
            if stat.S_ISREG(state.st_mode) and state.st_size <= LARGEST:
                with open(path, "rb") as source, open(copy, "wb") as target:
                    target.write(source.read())
                self.notes.add("KEEP", path, os.path.basename(copy), str(state.st_ctime_ns))
        except OSError as error:
            if is_foreign(error):
                raise
            if not os.path.lexists(path):
                self.notes.add("NEW", path)  # reading it only checked whether it exists

    def load(self, path: object) -> None:
        """Note a compiled module or another library; a bare name is a system library."""
        path = os.fsdecode(path or "")
        if "/" in path:
            self.add("READ", path)

    def open_database(self, name: object) -> None:
        name = os.fsdecode(name)
        if name.startswith("file:"):
            name = name[len("file:") :].split("?")[0]
        if name not in ("", ":memory:"):
            self.add("READ" if os.path.exists(name) else "WRITE", name)

    def rename(self, args: tuple) -> None:
        if "/__pycache__/" not in os.fsdecode(args[1]):
            self.add("REMOVE", args[0], args[2])
            self.add("WRITE", args[1], args[3])

    def start(self, program: object, words: object, folder: object = None) -> None:
        """A program: the folder that it starts in, its name, and its words."""
        if isinstance(words, (str, bytes, os.PathLike)):
            words = (words,)
        texts = [os.fsdecode(word) for word in list(words or ())[:WORDS]]
        folder = os.path.join(os.getcwd(), os.fsdecode(folder or ""))
        self.notes.add("START", folder, os.fsdecode(program or texts[0]), *texts)

    def connect(self, address: object) -> None:
        if isinstance(address, tuple) and address[0]:
            host, port = address[:2]
            self.notes.add("CONNECT", os.fsdecode(host), "" if port is None else str(port))


def source_of(path: str) -> str:
    """The file that a compiled module was made from, where its name says so."""
    folder, name = os.path.split(path)
    prefix = getattr(sys, "pycache_prefix", None)
    if os.path.basename(folder) == "__pycache__":
        folder = os.path.dirname(folder)
    elif prefix and folder.startswith(prefix):
        folder = folder[len(prefix) :]
    else:
        return path
    return f"{folder}/{name.split('.')[0]}.py"


def uninteresting(*folders: str) -> tuple:
    """Return prefixes of paths that are not inputs: of the interpreter and its packages, the system, the
    store.

    The most common prefixes come first: each note opens the file of the notes.
    """
    known = []
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.realpath(sys.prefix)}:
        known += [f"{prefix.rstrip('/')}/{name}" for name in OF_AN_INTERPRETER]
    known.sort(key=lambda folder: not folder.endswith("/lib"))
    home = getattr(sys.modules.get("site"), "USER_SITE", None)
    known = [*folders, *known, *SYSTEM, HERE, home, os.environ.get("REPRISE_STORE")]
    return tuple(folder.rstrip("/") + "/" for folder in known if folder)


def is_foreign(error: BaseException) -> bool:
    """Whether a signal's handler raised it, which came in while we were at work."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename != os.fsdecode.__code__.co_filename


def observe(folder: str) -> None:
    notes = Notes(folder)
    version = ".".join(map(str, sys.version_info[:3]))
    if not notes.write(line("PROCESS", str(os.getppid()), version, sys.executable or "", sys.prefix)):
        return
    if hasattr(sys, "addaudithook"):
        sys.addaudithook(Watch(notes).hook())
    else:
        notes.add("BLIND", f"Python {version} does not report the files it opens")
    if hasattr(os, "register_at_fork"):

        def after_fork() -> None:
            notes.begin()
            notes.write(line("FORK", str(os.getppid())))

        os.register_at_fork(after_in_child=after_fork)
    variables = Variables(os.environ._data)
    variables.watch(notes)
    os.environ._data = os.environb._data = variables


def give_way() -> None:
    """Leave the search path as if we were not there, and let the next ``sitecustomize`` be found."""
    sys.path[:] = [folder for folder in sys.path if not folder or os.path.abspath(folder) != HERE]
    del sys.modules[__name__]
    __import__(__name__)  # or it raises that there is none, as it would have been


try:
    if os.environ.get("REPRISE_OBSERVED"):
        observe(os.environ["REPRISE_OBSERVED"])
except Exception:
    pass
give_way()
