"""The first process inside of a sandbox: it becomes the command, or stays beside it as a bridge.

Only the standard library can be read where it runs, and it is started as a script:
``launcher.py [PORT SOCKET] -- COMMAND...``. With a port it listens there, in the sandbox's own network, and
carries each connection to the unix socket, at whose other end is the run's tracking address.
"""

import os
import signal
import socket
import sys
import threading

_PIECE = 1 << 16
_BY_DEFAULT = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGPIPE", "SIGXFSZ")


def main() -> None:
    """Perform the command; with a bridge, end as it ends."""
    words = sys.argv[1:]
    cut = words.index("--")
    bridge, command = words[:cut], words[cut + 1 :]
    if not bridge:
        become_command(command)
    listening = socket.create_server(("127.0.0.1", int(bridge[0])), backlog=256)
    child = os.fork()
    if child == 0:
        listening.close()
        become_command(command)
    threading.Thread(target=carry_connections, args=(listening, bridge[1]), daemon=True).start()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def become_command(command: list[str]) -> None:
    """Replace this process by ``command``, after resetting the signals that we ignored."""
    for name in _BY_DEFAULT:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        os._exit(127)


def carry_connections(listening: socket.socket, path: str) -> None:
    """Forward each connection to ``listening`` to the unix socket at ``path``."""
    while True:
        try:
            near = listening.accept()[0]
        except OSError:
            return
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(path)
        except OSError:
            near.close()
            far.close()
            continue
        carry_both(near, far)


def carry_both(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways, on threads of their own, until both sides have ended; closes both."""
    threading.Thread(target=_carry_until_end, args=(one, other), daemon=True).start()


def _carry_until_end(one: socket.socket, other: socket.socket) -> None:
    with one, other:
        back = threading.Thread(target=_pump_bytes, args=(other, one), daemon=True)
        back.start()
        _pump_bytes(one, other)
        back.join()


def _pump_bytes(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(_PIECE):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


if __name__ == "__main__":
    main()
