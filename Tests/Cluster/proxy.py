"""Links between replicas that can be cut, muted and slowed, each direction by itself: a proxy in user space, through
which every replica's configuration is made to reach every other."""

import json
import os
import queue
import socket
import threading
import time


class Link:
    """The connections that replica `dialler` makes to replica `other`. What flows forward is said by the dialler."""

    def __init__(self, dialler, other, target):
        self.dialler, self.other, self.target = dialler, other, target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.is_cut = False
        # Bytes of a muted direction wait, as on a network that drops packets; by who speaks.
        self.muted = {dialler: False, other: False}
        self.delay = {dialler: 0.0, other: 0.0}
        self.bytes_a_second = {dialler: None, other: None}
        self.open = []
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.is_cut:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.target), timeout=2)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.open = [pair for pair in self.open if pair[0].fileno() >= 0] + [(near, far)]
            self.carry(self.dialler, near, far)
            self.carry(self.other, far, near)

    def carry(self, speaker, source, sink):
        waiting = queue.Queue(maxsize=256)

        def read():
            while True:
                try:
                    piece = source.recv(65536)
                except OSError:
                    piece = b""
                waiting.put((time.monotonic() + self.delay[speaker], piece))
                if not piece:
                    return

        def write():
            while True:
                due, piece = waiting.get()
                pause = due - time.monotonic()
                if pause > 0:
                    time.sleep(pause)
                while self.muted[speaker] and source.fileno() >= 0 and sink.fileno() >= 0:
                    time.sleep(0.005)
                rate = self.bytes_a_second[speaker]
                if rate and piece:
                    time.sleep(len(piece) / rate)
                try:
                    if not piece:
                        sink.shutdown(socket.SHUT_WR)
                        break
                    sink.sendall(piece)
                except OSError:
                    break
            if not piece:
                return
            for end in (source, sink):
                end.close()

        threading.Thread(target=read, daemon=True).start()
        threading.Thread(target=write, daemon=True).start()

    def reset(self):
        with self.lock:
            ends, self.open = self.open, []
        for pair in ends:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                end.close()

    def close(self):
        self.is_cut = True
        self.listener.close()
        self.reset()


class Network:
    """All links of a store that has not been started yet."""

    def __init__(self, store):
        self.links = {}
        everybody = store.replicas + store.spares
        for replica in everybody:
            path = os.path.join(store.dir, f"replica-{replica}", "config.json")
            with open(path) as file:
                configuration = json.load(file)
            for peer in configuration["peers"]:
                if peer["id"] != replica:
                    link = Link(replica, peer["id"], peer["peerPort"])
                    self.links[(replica, peer["id"])] = link
                    peer["peerPort"] = link.port
            with open(path, "w") as file:
                json.dump(configuration, file)
        self.everybody = everybody

    def between(self, one, other):
        return [self.links[(one, other)], self.links[(other, one)]]

    def cut(self, one, other):
        """Connections break and no new ones come about."""
        for link in self.between(one, other):
            link.is_cut = True
            link.reset()

    def mute(self, speaker, hearer):
        """What `speaker` says to `hearer` does not arrive; nobody is told."""
        for link in self.between(speaker, hearer):
            link.muted[speaker] = True

    def slow(self, speaker, hearer, delay, bytes_a_second=None):
        for link in self.between(speaker, hearer):
            link.delay[speaker] = delay
            link.bytes_a_second[speaker] = bytes_a_second

    def heal(self):
        for link in self.links.values():
            link.is_cut = False
            # What was muted for long is lost with its connection, as it would be on a network.
            if any(link.muted.values()):
                link.muted = dict.fromkeys(link.muted, False)
                link.reset()
            link.delay = dict.fromkeys(link.delay, 0.0)
            link.bytes_a_second = dict.fromkeys(link.bytes_a_second)

    def close(self):
        for link in self.links.values():
            link.close()
