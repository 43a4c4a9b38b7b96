"""minio-js and the AWS SDK for JavaScript v3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from support.live import LiveServer

Run = Callable[..., str]


@pytest.fixture
def node(run: Run, node_clients: Path) -> Callable[..., None]:
    def start(program: str, *arguments: str) -> None:
        path = node_clients / "program.mjs"
        path.write_text(program)
        assert run("node", path, *arguments) == "done\n"

    return start


AWS_SDK = """
import assert from "node:assert";
import { Readable } from "node:stream";
import * as s3 from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";

const Bucket = process.argv[2];
// AWS, too, refuses the small chunks of streams that are not buffered.
const client = new s3.S3Client({ forcePathStyle: true, maxAttempts: 1, requestStreamBufferSize: 65_536 });
const send = (Command, input) => client.send(new s3[Command + "Command"]({ Bucket, ...input }));
const Key = "a b/ü+&.bin";

// The default: a CRC32 in a trailer for streams, in a header for the rest.
await send("PutObject", { Key, Body: "hello", ContentType: "x/y", Metadata: { a: "b" } });
let answer = await send("GetObject", { Key });
assert.equal(await answer.Body.transformToString(), "hello");
assert.deepEqual([answer.ContentType, answer.Metadata], ["x/y", { a: "b" }]);
answer = await send("GetObject", { Key, Range: "bytes=1-2" });
assert.equal(await answer.Body.transformToString(), "el");
const Body = Readable.from([Buffer.from("str"), Buffer.from("eam")]);
await send("PutObject", { Key: "stream", Body, ContentLength: 6 });
answer = await send("GetObject", { Key: "stream", ChecksumMode: "ENABLED" });
assert.equal(await answer.Body.transformToString(), "stream");
for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "SHA1", "SHA256"])
  await send("PutObject", { Key: "sum-" + ChecksumAlgorithm, Body: "sum", ChecksumAlgorithm });

const big = Buffer.alloc(17 * 1024 * 1024 + 3, "0123456789abcdef");
function* pieces() { for (let at = 0; at < big.length; at += 1_000_000) yield big.subarray(at, at + 1_000_000); }
const params = { Bucket, Key: "big", Body: Readable.from(pieces()) };
const upload = new Upload({ client, params, partSize: 5 * 1024 * 1024 });
assert.match((await upload.done()).ETag, /-4"$/);
answer = await send("GetObject", { Key: "big" });
assert(big.equals(Buffer.from(await answer.Body.transformToByteArray())));
await send("CopyObject", { Key: "copy", CopySource: `${Bucket}/${encodeURIComponent(Key)}` });
assert.equal((await send("HeadObject", { Key: "copy" })).ContentLength, 5);

const names = [];
for await (const page of s3.paginateListObjectsV2({ client, pageSize: 3 }, { Bucket }))
  names.push(...page.Contents.map((one) => one.Key));
assert.deepEqual(names, [Key, "big", "copy", "stream", "sum-CRC32", "sum-CRC32C", "sum-SHA1", "sum-SHA256"].sort());
answer = await send("ListObjectsV2", { Delimiter: "/" });
assert.deepEqual(answer.CommonPrefixes.map((one) => one.Prefix), ["a b/"]);
await assert.rejects(send("GetObject", { Key: "none" }), s3.NoSuchKey);
await assert.rejects(send("HeadObject", { Key: "none" }), s3.NotFound);
await assert.rejects(send("PutObject", { Key, Body: "x", IfNoneMatch: "*" }), { name: "PreconditionFailed" });
answer = await send("DeleteObjects", { Delete: { Objects: names.map((Key) => ({ Key })) } });
assert.equal(answer.Deleted.length, names.length);
assert.equal((await send("ListObjectsV2", {})).KeyCount, 0);
console.log("done");
"""


def test_aws_sdk(node: Callable[..., None], bucket: str) -> None:
    node(AWS_SDK, bucket)


MINIO = """
import assert from "node:assert";
import { Readable } from "node:stream";
import * as Minio from "minio";

const [bucket, endPoint, port, region] = process.argv.slice(2);
const client = new Minio.Client({
  endPoint, port: Number(port), useSSL: false, region,
  accessKey: process.env.AWS_ACCESS_KEY_ID, secretKey: process.env.AWS_SECRET_ACCESS_KEY,
});
const all = async (stream) => { const found = []; for await (const one of stream) found.push(one); return found; };
const read = async (stream) => Buffer.concat(await all(stream));
const key = "a b/ü+&.bin";

assert(await client.bucketExists(bucket));
await client.putObject(bucket, key, "hello", 5, { "Content-Type": "x/y", "X-Amz-Meta-A": "b" });
assert.equal((await read(await client.getObject(bucket, key))).toString(), "hello");
assert.equal((await read(await client.getPartialObject(bucket, key, 1, 2))).toString(), "el");
const state = await client.statObject(bucket, key);
assert.deepEqual([state.size, state.metaData["content-type"], state.metaData.a], [5, "x/y", "b"]);
client.partSize = 5 * 1024 * 1024;
const big = Buffer.alloc(17 * 1024 * 1024 + 3, "0123456789abcdef");
await client.putObject(bucket, "big", Readable.from([big]), big.length);
assert((await read(await client.getObject(bucket, "big"))).equals(big));
await client.copyObject(bucket, "copy", `/${bucket}/${key}`, new Minio.CopyConditions());
await client.setObjectTagging(bucket, "copy", { kind: "test" });
assert.deepEqual((await client.getObjectTagging(bucket, "copy")).flat(), [{ Key: "kind", Value: "test" }]);
const names = (await all(client.listObjectsV2(bucket, "", true))).map((one) => one.name);
assert.deepEqual(names, [key, "big", "copy"]);
const rolled = (await all(client.listObjects(bucket, "", false))).map((one) => one.prefix ?? one.name);
assert.deepEqual(rolled.sort(), ["a b/", "big", "copy"]);
const url = await client.presignedGetObject(bucket, key, 60);
assert.equal(await (await fetch(url)).text(), "hello");
const put = await client.presignedPutObject(bucket, "put", 60);
assert.equal((await fetch(put, { method: "PUT", body: "by URL" })).status, 200);
await assert.rejects(client.statObject(bucket, "none"), { code: "NotFound" });
await client.removeObjects(bucket, [...names, "put"]);
assert.deepEqual(await all(client.listObjectsV2(bucket, "", true)), []);
console.log("done");
"""


def test_minio(node: Callable[..., None], server: LiveServer, s3: Any, bucket: str) -> None:
    address = urlsplit(server.url)
    node(MINIO, bucket, str(address.hostname), str(address.port), server.region)
