#!/usr/bin/python3
"""Makes fernet.txt with python3-cryptography: one line for each length, "length time iv token".

Clear byte i of a token of n bytes is (7 * i + n) mod 256; the last line has the SHA-256 of a long token
instead of the token."""
import base64
import hashlib

from cryptography.fernet import Fernet

fernet = Fernet(base64.urlsafe_b64encode(b"0123456789abcdef0123456789abcdef"))


def token(n):
    clear = bytes((7 * i + n) & 255 for i in range(n))
    iv = bytes((11 * i + n) & 255 for i in range(16))
    when = (n << 32) + 1700000000
    return n, when, iv.hex(), fernet._encrypt_from_parts(clear, when, iv).decode()


for n in [*range(101), 4031, 4032, 4033, 9000]:
    print(*token(n))
n, when, iv, text = token(1000003)
print(n, when, iv, hashlib.sha256(text.encode()).hexdigest())
