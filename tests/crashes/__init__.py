"""Kill reprise at any system call, and see that every promise of docs/reliability.md holds.

    python -m tests.crashes --seed 1 --minutes 5

A *trial* runs one command under ``strace``, which kills it, or a program that it started, as it is about to
make the Nth call of a kind: rename, fsync, write, mkdir, clone, ... The next command then runs as a user
would run it, and the world is looked at. No code of reprise knows of any of this.
"""
