"""
A line of IP packets between two TUN devices that drops, delays and blocks them; lossy-link.ts starts it and tells it what to do.
Arguments: the server's device, the far device, a seed. Each line of stdin is an order in JSON:
  {"loss": 0..1, "delayMs": n, "oneWay": "up" | "down" | null}   (up: from the far end to the server)
and is answered by a line {"passed": packets, "lost": packets}. Ends with its stdin, and its devices go with it.
"""
import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
PACKET_BYTES = 65_536
# Each packet is up to so much slower or faster than the line's delay, so that some overtake others.
JITTER = 0.5


def open_tun(name: str) -> int:
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


def main() -> None:
    near, far, seed = open_tun(sys.argv[1]), open_tun(sys.argv[2]), int(sys.argv[3])
    ways = {far: ("up", near), near: ("down", far)}
    chance = random.Random(seed)
    order = {"loss": 0.0, "delayMs": 0.0, "oneWay": None}
    counts = {"passed": 0, "lost": 0}
    under_way: list[tuple[float, int, int, bytes]] = []
    number = 0

    def answer() -> None:
        print(json.dumps(counts), flush=True)

    answer()
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        for fd in select.select([0, near, far], [], [], wait)[0]:
            if fd == 0:
                line = sys.stdin.readline()
                if line == "":
                    return
                order = json.loads(line)
                answer()
                continue
            try:
                packet = os.read(fd, PACKET_BYTES)
            except OSError:
                continue
            way, to = ways[fd]
            if order["oneWay"] not in (None, way) or chance.random() < order["loss"]:
                counts["lost"] += 1
                continue
            delay_s = order["delayMs"] / 1000 * chance.uniform(1 - JITTER, 1 + JITTER)
            number += 1
            heapq.heappush(under_way, (time.monotonic() + delay_s, number, to, packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, to, packet = heapq.heappop(under_way)
            try:
                os.write(to, packet)
                counts["passed"] += 1
            except OSError:
                # The device is down.
                counts["lost"] += 1


main()
