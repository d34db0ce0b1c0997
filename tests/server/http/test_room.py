"""Connections have room while there is some; then the one that has waited longest for a request goes."""

from __future__ import annotations

import asyncio

import pytest

from reprise.server.http.room import Room, SeldomLine


class Connection(asyncio.Transport):
    is_closed = False

    def abort(self) -> None:
        self.is_closed = True


def closed_of(connections: list[Connection]) -> list[int]:
    return [number for number, connection in enumerate(connections) if connection.is_closed]


def test_the_one_that_has_waited_longest_is_closed() -> None:
    room = Room(3)
    connections = [Connection() for _ in range(5)]
    for connection in connections[:3]:
        room.enter(connection)
    room.begin_request(connections[0])
    room.enter(connections[3])
    assert closed_of(connections) == [1]
    room.end_request(connections[0])  # it waits again, and not as long as the third
    room.enter(connections[4])
    assert closed_of(connections) == [1, 2]


def test_where_all_have_a_request_the_new_one_is_closed() -> None:
    room = Room(2)
    busy = [Connection(), Connection()]
    for connection in busy:
        room.enter(connection)
        room.begin_request(connection)
    new = Connection()
    room.enter(new)
    assert new.is_closed and not any(connection.is_closed for connection in busy)


def test_what_left_makes_room() -> None:
    room = Room(1)
    left, new = Connection(), Connection()
    room.enter(left)
    room.leave(left)
    room.end_request(left)  # it ended while its connection was lost
    room.enter(new)
    assert not new.is_closed


def test_a_line_is_written_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    line = SeldomLine()
    for _ in range(1000):
        line.warn("full %d", 3)
    assert [record.getMessage() for record in caplog.records] == ["full 3"]
