"""Imports what handlers of pictures import, and answers a constant."""

import boto3
import cv2  # noqa: F401
import numpy as np  # noqa: F401
import requests  # noqa: F401


def lambda_handler(event, context):
    request = event["getObjectContext"]
    boto3.client("s3").write_get_object_response(
        Body=b"constant", RequestRoute=request["outputRoute"], RequestToken=request["outputToken"]
    )
    return {"statusCode": 200}
