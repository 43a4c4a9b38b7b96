"""The traditional way: originals by boto3 from a plain S3, the work in the client, two processes.

Arguments: seconds, endpoint, key id, secret, bucket, keys.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import sys
import time
from pathlib import Path

import boto3
import cv2

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples/functions/image-normalizer"))
from lambda_function import normalize

PROCESSES = 2


def worker(orders: tuple[int, float, str, tuple[str, str], str, list[str]]) -> dict:
    first, seconds, endpoint, key, bucket, keys = orders
    cv2.setNumThreads(1)
    s3 = boto3.Session(*key, region_name="us-east-1").client("s3", endpoint_url=endpoint)
    s3.head_bucket(Bucket=bucket)
    times, began, used = [], time.perf_counter(), time.process_time()
    for number in itertools.count(first, PROCESSES):
        start = time.perf_counter()
        if start - began > seconds:
            break
        normalize(s3.get_object(Bucket=bucket, Key=keys[number % len(keys)])["Body"].read())
        times.append(time.perf_counter() - start)
    return {"seconds": time.perf_counter() - began, "times": times, "cpu": time.process_time() - used}


def main() -> None:
    seconds, endpoint, key_id, secret, bucket, *keys = sys.argv[1:]
    orders = [(one, float(seconds), endpoint, (key_id, secret), bucket, keys) for one in range(PROCESSES)]
    with multiprocessing.Pool(PROCESSES) as pool:
        found = pool.map(worker, orders)
    times = [one for each in found for one in each["times"]]
    cpu = sum(each["cpu"] for each in found)
    print(json.dumps({"seconds": max(each["seconds"] for each in found), "times": times, "cpu": cpu}))


if __name__ == "__main__":
    main()
