"""One socket of pyzmq, whose libzmq has CURVE, for the tests in security.rs.

Arguments: the type, `bind` or `connect`, an endpoint, and options as NAME=VALUE (a number, or bytes in
hex behind a colon); `zap=FRAMES` has a ZAP handler in this context that lets in who gives these
credentials. Then a line of standard input is a command: `send FRAMES`, `recv`, `echo COUNT`. Frames are
in hex, `-` is an empty one. Said on standard output: `endpoint`, `zap`, `event` and `message` with what
belongs to it.
"""

import sys
import threading

import zmq
from zmq.utils.monitor import recv_monitor_message

lock = threading.Lock()


def say(*words):
    with lock:
        print(*words, flush=True)


def to_hex(frames):
    return [frame.hex() or "-" for frame in frames]


def from_hex(words):
    return [b"" if word == "-" else bytes.fromhex(word) for word in words]


def serve_zap(handler, credentials):
    while True:
        try:
            request = handler.recv_multipart()
        except zmq.ZMQError:
            return
        say("zap", *to_hex(request))
        status = b"200" if request[6:] == credentials else b"400"
        # A REQ of libzmq takes the user id, which it hands itself as a frame, for a malformed reply.
        user = b"" if kind == "REQ" else b"joe"
        handler.send_multipart([b"1.0", request[1], status, b"", user, b""])


def watch(monitor):
    while True:
        event = recv_monitor_message(monitor)
        say("event", int(event["event"]), event["value"])


context = zmq.Context()
kind, way, endpoint = sys.argv[1:4]
socket = context.socket(getattr(zmq, kind))
socket.linger = 0
for option in sys.argv[4:]:
    name, value = option.split("=", 1)
    if name == "zap":
        handler = context.socket(zmq.REP)
        handler.bind("inproc://zeromq.zap.01")
        arguments = (handler, from_hex(value.split(",")))
        threading.Thread(target=serve_zap, args=arguments, daemon=True).start()
    else:
        value = bytes.fromhex(value[1:]) if value.startswith(":") else int(value)
        socket.setsockopt(getattr(zmq, name), value)
threading.Thread(target=watch, args=(socket.get_monitor_socket(),), daemon=True).start()
getattr(socket, way)(endpoint)
say("endpoint", socket.last_endpoint.decode())
for line in sys.stdin:
    command, *words = line.split()
    if command == "send":
        socket.send_multipart(from_hex(words))
    elif command == "recv":
        say("message", *to_hex(socket.recv_multipart()))
    elif command == "echo":
        for _ in range(int(words[0])):
            socket.send_multipart(socket.recv_multipart())
# The threads are in the middle of something: no orderly end.
sys.stdout.flush()
import os

os._exit(0)
