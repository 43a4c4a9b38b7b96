"""Answers the object as it is: what is left is what the service does."""

import boto3
import requests

s3 = boto3.client("s3")


def lambda_handler(event, context):
    where = event["getObjectContext"]
    body = requests.get(where["inputS3Url"], timeout=30).content
    s3.write_get_object_response(RequestRoute=where["outputRoute"], RequestToken=where["outputToken"], Body=body)
    return {"statusCode": 200}
