"""The body of an answer over HTTP, read as far as it is of a sensible size: the same for everybody who is asked that way."""

import aiohttp

from tosqauyl.networks.backend import AskFailed


async def read_body(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """The body, at most `most` bytes. Raises AskFailed 'malformed' where it goes on; the connection is then closed."""
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > most:
            answer.close()
            raise AskFailed("malformed", "an answer that does not end")
    return bytes(body)
