"""One contract for the real Toxiproxy and the stand-in: what every fault does, and that it heals."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import socket
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from harness.errors import FaultError, SetupError, UndoError
from harness.network import FAULTS, Executes, Fault, Link, Network, Sees, Server, selftest
from harness.network.client import ToxiproxyClient
from harness.network.faults import Toxic
from tests.network.conftest import LATE_S, Callee, call, outcome, until

pytestmark = pytest.mark.anyio

TAKES_BYTES = [fault for fault in FAULTS.values() if fault.provable]


def by_name(fault: Fault) -> str:
    return fault.name


def amounts(fault: Fault) -> dict[str, float]:
    """Tears a reply in its body: an end inside the head is to an HTTP client an end without an answer."""
    return {"keep_bytes": 50} if fault.sees is Sees.TORN else {}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=by_name)
async def test_fault_does_what_its_table_says_and_heals(network: Network, callee: Callee, fault: Fault) -> None:
    """Caller and callee see what the row says; after the heal they see a normal answer."""
    link = await network.link("shop->payments", callee.address)
    limit_s = 0.15 if fault.sees is Sees.SILENCE else 5.0
    async with link.fault(fault, **amounts(fault)):
        seen = await call(link.port, "/charge", limit_s)
        assert seen.saw is (Sees.ANSWER if fault.sees is Sees.LATE else fault.sees)
        assert (seen.seconds > LATE_S) or fault.sees is not Sees.LATE
        if fault.executes is Executes.YES:
            await callee.until_executed("/charge")
        elif fault.executes is not Executes.MAYBE:
            assert not callee.executed["/charge"]
    if fault.executes is Executes.LATER:
        await callee.until_executed("/charge")
    assert (await call(link.port, "/after")).saw is Sees.ANSWER
    assert callee.executed["/charge"] == (fault.executes in (Executes.YES, Executes.LATER))


async def test_selftest_proves_every_row(network: Network) -> None:
    """The self-test runs all rows of the table, leaves no link behind, and agrees with this server."""
    rows = await selftest(network)
    assert {row.name for row in rows} == {*FAULTS, "callee dead"}
    assert network.links == {}


async def test_selftest_names_the_row_that_disagrees(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that behaves otherwise than the table is an error with row, server, expected and got."""
    wrong = dataclasses.replace(FAULTS["reply lost"], executes=Executes.NO)
    monkeypatch.setitem(selftest.__globals__, "FAULTS", {**FAULTS, wrong.name: wrong})
    with pytest.raises(SetupError) as caught:
        await selftest(network)
    [problem] = caught.value.problems
    assert "`reply lost`" in problem.what
    assert problem.where == str(network.server)
    assert "executes: no" in problem.expected
    assert "executes: yes" in problem.got


async def test_refused_cuts_live_connections(network: Network, callee: Callee) -> None:
    """A connection that is open when a link is refused ends at once."""
    link = await network.link("a->b", callee.address)
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert b"200" in await reader.readline()
    async with link.fault("refused"), asyncio.timeout(5):
        await reader.read()
    assert reader.at_eof()
    writer.close()


@pytest.mark.parametrize(
    ("name", "saw"), [("reply lost", Sees.EOF), ("reply blackholed", Sees.SILENCE), ("reply reset", Sees.EOF)]
)
async def test_fault_meets_a_connection_that_was_there_before(
    network: Network, callee: Callee, name: str, saw: Sees
) -> None:
    """A kept-alive connection meets the fault with its next request; only a reset is milder there than on a new one."""
    link = await network.link("a->b", callee.address)
    async with httpx.AsyncClient(base_url=f"http://{link.address}", timeout=0.3, trust_env=False) as client:
        assert await outcome(client, "/before") is Sees.ANSWER
        async with link.fault(name):
            assert await outcome(client, "/during") is saw
    assert callee.executed["/during"] == 1


async def test_removing_a_black_hole_ends_the_caller_that_waits_in_it(network: Network, callee: Callee) -> None:
    """A client without a time limit is freed by the heal, with the end of the stream and no answer."""
    link = await network.link("a->b", callee.address)
    async with link.fault("reply blackholed"):
        waiting = asyncio.create_task(call(link.port, "/waiting", 10))
        await callee.until_executed("/waiting")
        assert not waiting.done()
    assert (await waiting).saw is Sees.EOF


async def test_faults_by_the_words_of_a_plan(network: Network, callee: Callee) -> None:
    """A plan's own words name the same faults."""
    link = await network.link("a->b", callee.address)
    async with link.fault("cut reply") as undo:
        assert (await call(link.port, "/x")).saw is Sees.EOF
    assert undo.fault is FAULTS["reply lost"]


async def test_amount_of_a_fault_reaches_the_server(network: Network, callee: Callee) -> None:
    """`delay_s` is a delay in seconds."""
    link = await network.link("a->b", callee.address)
    async with link.fault("slow", delay_s=0.12):
        assert (await call(link.port)).seconds >= 0.12


async def test_toxic_can_be_changed_while_it_is_there(network: Network, callee: Callee) -> None:
    """The client's missing update: a fault of two minutes becomes one of two milliseconds."""
    link = await network.link("a->b", callee.address)
    async with link.fault("slow", delay_s=120) as undo:
        waiting = asyncio.create_task(call(link.port, "/slow", 10))
        await callee.until_executed("/slow")
        shorter = dataclasses.replace(undo.fault.toxic_with({"delay_s": 0.002}))
        await network._call(lambda client: client.update_toxic(link.name, shorter))
        assert (await call(link.port)).saw is Sees.ANSWER
    assert (await waiting).saw is Sees.ANSWER


@pytest.mark.parametrize("fault", TAKES_BYTES, ids=by_name)
async def test_counters_prove_that_bytes_were_taken(network: Network, callee: Callee, fault: Fault) -> None:
    """When the connection has ended, the proxy's counters say that more came in than went out, and not before."""
    link = await network.link("a->b", callee.address)
    assert (await call(link.port)).saw is Sees.ANSWER
    async with link.fault(fault, **amounts(fault)) as undo:
        assert await undo.proof() == ""
        assert (await call(link.port, "/lost", 0.15)).saw is fault.sees
    await until(undo.proof)
    assert fault.stream == ("upstream" if "request" in await undo.proof() else "downstream")


async def test_healthy_traffic_proves_nothing(network: Network, callee: Callee) -> None:
    """A fault that no connection met has no proof."""
    link = await network.link("a->b", callee.address)
    other = await network.link("a->c", callee.address)
    async with link.fault("reply lost") as undo:
        assert (await call(other.port)).saw is Sees.ANSWER
    assert (await call(link.port)).saw is Sees.ANSWER
    await until(lambda: _reply_out(link))
    assert await undo.proof() == ""


async def _reply_out(link: Link) -> int:
    return (await link.bytes_passed()).reply_out


async def test_two_servers_in_one_process_do_not_meet(network: Network, server: Server, callee: Callee) -> None:
    """A fault on one universe's link leaves the link of the same name in another universe alone."""
    async with await Network.start(server) as other:
        here = await network.link("a->b", callee.address)
        there = await other.link("a->b", callee.address)
        async with here.fault("refused"):
            assert (await call(there.port)).saw is Sees.ANSWER
            assert (await call(here.port)).saw is Sees.REFUSED


async def test_same_fault_twice_on_a_link_is_an_error(network: Network, callee: Callee) -> None:
    """The server's refusal is passed on, and the first fault is still healed."""
    link = await network.link("a->b", callee.address)
    async with link.fault("reply lost"):
        with pytest.raises(FaultError, match="already exists"):
            await link.apply("reply lost")


@pytest.mark.parametrize(
    ("name", "amounts"), [("reply eaten", {}), ("reply lost", {"keep_bytes": 1}), ("slow", {"delay_s": -1})]
)
async def test_fault_outside_the_vocabulary_is_an_error(
    network: Network, callee: Callee, name: str, amounts: dict[str, float]
) -> None:
    """The vocabulary is closed: no other name, no other amount."""
    link = await network.link("a->b", callee.address)
    with pytest.raises(FaultError):
        await link.apply(name, **amounts)


async def test_forgotten_fault_is_found_and_reset(network: Network, callee: Callee) -> None:
    """`assert_clean` names every link with a fault; `reset` heals them all."""
    links = [await network.link(name, callee.address) for name in ("a->b", "b->c", "c->d")]
    await links[0].apply("reply lost")
    await links[1].apply("refused")
    with pytest.raises(UndoError) as caught:
        await network.assert_clean()
    assert [problem.what for problem in caught.value.problems] == [
        "Link a->b is not healed.",
        "Link b->c is not healed.",
    ]
    await network.reset()
    assert [(await call(link.port)).saw for link in links] == [Sees.ANSWER] * 3


async def test_heal_that_finds_no_fault_is_an_undo_error(network: Network, callee: Callee) -> None:
    """If somebody else removed the toxic, nothing that was seen can be trusted."""
    link = await network.link("a->b", callee.address)
    undo = await link.apply("reply lost")
    await network.reset()
    with pytest.raises(UndoError, match="not found"):
        await undo()


async def test_heal_does_not_hide_what_the_block_raised(network: Network, callee: Callee) -> None:
    """An error inside a fault's block comes out as it is, and the link is healed."""
    link = await network.link("a->b", callee.address)
    with pytest.raises(ZeroDivisionError):
        async with link.fault("refused"):
            raise ZeroDivisionError
    assert (await call(link.port)).saw is Sees.ANSWER


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reserves a port with a bound socket")
async def test_port_of_a_refused_link_is_given_to_nobody(network: Network, callee: Callee) -> None:
    """While nobody listens, the port is still held, so that the link comes back on it."""
    link = await network.link("a->b", callee.address)
    async with link.fault("refused"):
        with socket.socket() as thief, pytest.raises(OSError, match="in use"):
            thief.bind(("127.0.0.1", link.port))


@pytest.mark.parametrize("name", [signal.SIGSTOP, signal.SIGKILL])
async def test_server_that_does_not_answer_is_replaced(server: Server, callee: Callee, name: signal.Signals) -> None:
    """A hung or dead server is named in the error and replaced: the links keep their ports and have no faults."""
    async with await Network.start(server, limit_s=0.3) as network:
        link = await network.link("a->b", callee.address)
        await link.apply("reply lost")
        first = network.pid
        os.kill(first, name)
        with pytest.raises(FaultError, match=rf"pid {first}\) hung or died; .* replaced by pid \d+"):
            await asyncio.gather(network.link("b->c", callee.address), link.bytes_passed())
        assert network.pid != first
        assert (await call(link.port)).saw is Sees.ANSWER
        await network.assert_clean()


async def test_error_of_the_server_is_a_fault_error(network: Network, callee: Callee) -> None:
    """A 5xx, here for a port that is taken, does not pass as success."""
    assert network._client
    with pytest.raises(FaultError, match="HTTP 500"):
        await asyncio.to_thread(network._client.create, "taken", callee.address, port=callee.port)


async def test_answer_that_differs_from_what_was_asked_is_a_fault_error(network: Network, callee: Callee) -> None:
    """A toxic of which the server made something else is not taken for the fault that was meant."""
    link = await network.link("a->b", callee.address)
    unknown = Toxic(name="t", type="no_such_toxic", stream="upstream", attributes={})
    with pytest.raises(FaultError, match="invalid toxic type"):
        await network._call(lambda client: client.add_toxic(link.name, unknown))


async def test_removed_link_refuses_and_its_name_is_free(network: Network, callee: Callee) -> None:
    """A link that was removed is gone, and another of the same name can be made."""
    link = await network.link("a->b", callee.address)
    await link.remove()
    assert (await call(link.port)).saw is Sees.REFUSED
    again: Link = await network.link("a->b", callee.address)
    assert (await call(again.port)).saw is Sees.ANSWER


async def test_closing_leaves_no_process_and_no_port(server: Server, callee: Callee) -> None:
    """After `close` the process is gone and nobody listens on the link's port."""
    network = await Network.start(server)
    link = await network.link("a->b", callee.address)
    pid = network.pid
    await network.close()
    assert not psutil.pid_exists(pid)
    assert (await call(link.port)).saw is Sees.REFUSED
    with pytest.raises(FaultError, match="closed"):
        await network.link("b->c", callee.address)


async def test_whoever_gives_spawn_owns_the_process(server: Server) -> None:
    """The network takes the pid it is given, and asks the owner to kill exactly that."""
    children: dict[int, asyncio.subprocess.Process] = {}

    async def spawn(command: list[str]) -> int:
        child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        children[child.pid] = child
        return child.pid

    async def kill(pid: int) -> None:
        children[pid].kill()
        await children.pop(pid).wait()

    async with await Network.start(server, spawn=spawn, kill=kill) as network:
        assert list(children) == [network.pid]
        assert isinstance(network._client, ToxiproxyClient)
        assert network._client.version()
    assert children == {}


async def test_server_that_ends_at_once_is_a_setup_error(server: Server) -> None:
    """A binary that is no server is named, with the command to try."""
    broken = dataclasses.replace(server, path=Path("/bin/false"))
    with pytest.raises(SetupError, match="ended at once"):
        await Network.start(broken)
