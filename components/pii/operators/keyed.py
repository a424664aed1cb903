"""All that depends on the key: HMAC-SHA256, and numbers drawn from it."""

import hashlib
import hmac


class Keyed:
    """HMAC-SHA256 under one key; the key stays out of every repr.

    To anyone without the key, digests of different parts are independent random numbers, and tell nothing
    about the parts. Whoever has the key can try values one by one.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def digest(self, purpose: str, *parts: str) -> bytes:
        """32 bytes that depend on every part, and are apart for every purpose."""
        # Each part is led by its length, so that no two lists of parts make the same message. The zero byte
        # keeps these messages apart from those of `column`: no column's name begins with it.
        message = bytearray(b"\0")
        for part in (purpose, *parts):
            content = part.encode("utf-8", "surrogatepass")
            message += len(content).to_bytes(8) + content
        return hmac.digest(self._key, bytes(message), hashlib.sha256)

    def column(self, name: str, value: str) -> bytes:
        """32 bytes for a value in a column of this name."""
        return hmac.digest(self._key, f"{name}\0{value}".encode("utf-8", "surrogatepass"), hashlib.sha256)

    def draw(self, purpose: str, *parts: str) -> "Draw":
        """Numbers for these parts: the same parts, the same numbers, in every process."""
        return Draw(self.digest(purpose, *parts))


class Draw:
    """A stream of numbers from a digest: SHA-256 in counter mode."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._count = 0

    def below(self, limit: int) -> int:
        """The next number, 0 to ``limit - 1``; for limits far below 2^64, all are equally likely."""
        block = hashlib.sha256(self._seed + self._count.to_bytes(8)).digest()
        self._count += 1
        return int.from_bytes(block[:8]) % limit

    def digits(self, count: int) -> str:
        return "".join(str(self.below(10)) for _ in range(count))
