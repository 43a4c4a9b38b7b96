"""An S3 Object Lambda function as written for AWS: any photograph becomes a grey JPEG of 256 by 256."""

import boto3
import cv2
import numpy as np
import requests

SIZE = (256, 256)


def normalize(photograph):
    """Take the bytes of a JPEG or PNG; return those of the grey JPEG."""
    image = cv2.imdecode(np.frombuffer(photograph, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("the object is not an image that can be decoded")
    small = cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    return cv2.imencode(".jpg", grey)[1].tobytes()


def lambda_handler(event, context):
    """Fetch the original, transform it, and answer the waiting GET."""
    request = event["getObjectContext"]
    original = requests.get(request["inputS3Url"], timeout=30)
    original.raise_for_status()

    boto3.client("s3").write_get_object_response(
        Body=normalize(original.content),
        ContentType="image/jpeg",
        RequestRoute=request["outputRoute"],
        RequestToken=request["outputToken"],
    )
    return {"statusCode": 200}
