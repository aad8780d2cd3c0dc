"""A resolver of the victim's own, and a question to it."""


def ask_own_resolver(lab, name):
    """The code of the answer that a process of the victim gets from a resolver of its own on lo, or what it raises."""
    program = f"""
import socket
query = bytes.fromhex("123401000001000000000000")
query += b"".join(bytes([len(part)]) + part.encode() for part in "{name}".split(".")) + bytes([0, 0, 1, 0, 1])
server, client = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
server.bind(("127.0.0.53", 53))
server.settimeout(0.3)
client.settimeout(0.3)
client.connect(("127.0.0.53", 53))
client.send(query)
try:
    asked, peer = server.recvfrom(999)
    server.sendto(asked[:2] + bytes([0x81, 0x80]) + asked[4:], peer)
except OSError:
    pass
try:
    print(client.recv(999)[3] & 15, end="")
except OSError as error:
    print(type(error).__name__, end="")"""
    return lab.as_victim("python3", "-c", program)
