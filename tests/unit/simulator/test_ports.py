import socket

from ctlr.simulator.ports import CLAIMABLE, claim_port


def test_a_claimed_port_is_not_given_twice_until_it_is_released() -> None:
    first = claim_port()
    second = claim_port(preferred=first.number)
    assert second.number != first.number
    first.release()
    third = claim_port(preferred=first.number)
    assert third.number == first.number
    second.release()
    third.release()


def test_a_port_that_somebody_listens_on_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        claim = claim_port(preferred=taken)
        assert claim.number != taken
        claim.release()


def test_ports_lie_below_the_range_of_outgoing_connections() -> None:
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        lowest_source_port = int(file.read().split()[0])
    assert CLAIMABLE[-1] < lowest_source_port or lowest_source_port < CLAIMABLE[0]


def test_a_released_number_is_not_soon_given_again() -> None:
    numbers = []
    for _ in range(1000):
        claim = claim_port()
        claim.release()
        numbers.append(claim.number)
    assert len(set(numbers)) == len(numbers)
