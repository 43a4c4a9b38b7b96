"""Changes nothing: the original is fetched, and answered as it is."""

import boto3
import requests


def lambda_handler(event, context):
    request = event["getObjectContext"]
    original = requests.get(request["inputS3Url"], timeout=30)
    boto3.client("s3").write_get_object_response(
        Body=original.content, RequestRoute=request["outputRoute"], RequestToken=request["outputToken"]
    )
    return {"statusCode": 200}
