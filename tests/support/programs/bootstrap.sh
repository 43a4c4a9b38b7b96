#!/bin/sh
# A runtime and its handler for S3 Object Lambda in shell: answers with the object in capitals.
set -eu
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
head=$TMPDIR/head
member() { printf %s "$event" | sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" | sed 's/\\u0026/\&/g'; }
while true; do
    event=$(curl -sS -D "$head" "$api/next")
    id=$(sed -n 's/^lambda-runtime-aws-request-id: *\([^\r]*\).*/\1/Ip' "$head")
    curl -sSf "$(member inputS3Url)" | tr a-z A-Z >"$TMPDIR/body"
    curl -sSf -X POST --data-binary @"$TMPDIR/body" \
        --aws-sigv4 "aws:amz:$AWS_REGION:s3-object-lambda" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        -H "x-amz-security-token: $AWS_SESSION_TOKEN" -H "x-amz-content-sha256: $(sha256sum <"$TMPDIR/body" | cut -d' ' -f1)" \
        -H "x-amz-request-route: $(member outputRoute)" -H "x-amz-request-token: $(member outputToken)" \
        -H "x-amz-fwd-header-content-type: text/x-shell" -H "content-type: application/octet-stream" \
        "$AWS_ENDPOINT_URL_S3/WriteGetObjectResponse"
    curl -sS -o /dev/null -d '{"statusCode": 200}' "$api/$id/response"
done
