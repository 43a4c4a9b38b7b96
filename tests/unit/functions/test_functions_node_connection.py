import asyncio
import json

from objectlens.functions.node.launch import FOLDER

CLIENT = """
import { Connection } from "./connection.mjs";
const connection = new Connection("127.0.0.1", Number(process.argv[1]));
const ask = (path, body) =>
  connection.ask(body ? "POST" : "GET", path, body ? { "Content-Length": body.length } : {}, body).then(
    ({ status, headers, body }) => [status, headers["x-name"], body.length, body.toString("latin1").slice(0, 4)],
    (error) => error.code ?? error.message,
  );
const found = await Promise.all([ask("/pieces"), ask("/large"), ask("/", Buffer.from("body")), ask("/cut")]);
found.push(await ask("/bye"));
await new Promise((resolve) => setTimeout(resolve, 100)); // it is closed meanwhile
found.push(await ask("/again"));
console.log(JSON.stringify(found));
"""
LARGE = 3_000_000


async def serve(reader, writer):
    """Answer what the path says, `/pieces` byte by byte, `/cut` with half an answer."""
    while head := (await reader.read(65536)).decode():
        path = head.split(" ")[1]
        if head.startswith("POST") and not head.endswith("body"):
            await reader.readexactly(4)
        body = b"y" * LARGE if path == "/large" else path.encode()
        answer = b"HTTP/1.1 200 OK\r\nX-Name: a:b \r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
        if path == "/pieces":
            for at in range(len(answer)):
                writer.write(answer[at : at + 1])
                await writer.drain()
                await asyncio.sleep(0)
        else:
            writer.write(answer[:-1] if path == "/cut" else answer)
        if path in {"/cut", "/bye"}:
            break
    writer.close()


def test_answers_come_in_any_pieces_and_lost_connections_are_made_anew():
    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = str(server.sockets[0].getsockname()[1])
        script = ("--input-type=module", "--eval", CLIENT.replace("./", f"{FOLDER}/"), "--", port)
        node = await asyncio.create_subprocess_exec("node", *script, stdout=asyncio.subprocess.PIPE)
        async with asyncio.timeout(20):
            said, _ = await node.communicate()
        server.close()
        await server.wait_closed()
        return json.loads(said)

    pieces, large, posted, cut, bye, again = asyncio.run(run())
    assert pieces == [200, "a:b", 7, "/pie"]
    assert large == [200, "a:b", LARGE, "yyyy"]
    assert posted == [200, "a:b", 1, "/"]
    assert cut == "the Runtime API closed the connection"
    assert bye == [200, "a:b", 4, "/bye"]
    assert again == [200, "a:b", 6, "/aga"]
