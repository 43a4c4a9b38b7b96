"""The managed policies of AWS that we know, as far as they concern the services that we serve.

Roles and users may have them attached by ARN, as templates written for AWS do. Each text says what the policy of that
name allows ("AWS managed policy reference"); permissions for services that we do not have are left out where nothing
could ever ask for them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

PREFIX = "arn:aws:iam::aws:policy/"

EXECUTION_ROLE = f"{PREFIX}service-role/AmazonS3ObjectLambdaExecutionRolePolicy"

_LOGS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
_S3_READ = ["s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"]
_IAM_READ = [
    "iam:GenerateCredentialReport",
    "iam:GenerateServiceLastAccessedDetails",
    "iam:Get*",
    "iam:List*",
    "iam:SimulateCustomPolicy",
    "iam:SimulatePrincipalPolicy",
]
_LAMBDA_READ = [
    "lambda:GetAccountSettings",
    "lambda:GetEventSourceMapping",
    "lambda:GetFunction",
    "lambda:GetFunctionConfiguration",
    "lambda:GetFunctionCodeSigningConfig",
    "lambda:GetFunctionConcurrency",
    "lambda:ListEventSourceMappings",
    "lambda:ListFunctions",
    "lambda:ListTags",
    "lambda:Get*",
    "lambda:List*",
    "iam:ListRoles",
]

_PASS_ROLE_TO_LAMBDA = {
    "Effect": "Allow",
    "Action": "iam:PassRole",
    "Resource": "*",
    "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
}


def _allow(*actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}


_STATEMENTS: dict[str, list[dict[str, Any]]] = {
    "AdministratorAccess": [_allow("*")],
    "PowerUserAccess": [
        {
            "Effect": "Allow",
            "NotAction": ["iam:*", "organizations:*", "account:*"],
            "Resource": "*",
        },
        _allow(
            "account:GetAccountInformation",
            "account:GetPrimaryEmail",
            "account:ListRegions",
            "iam:CreateServiceLinkedRole",
            "iam:DeleteServiceLinkedRole",
            "iam:ListRoles",
            "organizations:DescribeOrganization",
        ),
    ],
    "ReadOnlyAccess": [_allow(*_S3_READ, *_LAMBDA_READ, *_IAM_READ)],
    "AmazonS3FullAccess": [_allow("s3:*", "s3-object-lambda:*")],
    "AmazonS3ReadOnlyAccess": [_allow(*_S3_READ)],
    "AWSLambda_FullAccess": [
        _allow("lambda:*", "logs:*", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "iam:GetRolePolicy"),
        _allow("iam:ListAttachedRolePolicies", "iam:ListRolePolicies", "iam:ListRoles", "s3:ListAllMyBuckets"),
        _PASS_ROLE_TO_LAMBDA,
    ],
    "AWSLambda_ReadOnlyAccess": [_allow(*_LAMBDA_READ)],
    "IAMFullAccess": [_allow("iam:*")],
    "IAMReadOnlyAccess": [_allow(*_IAM_READ)],
    "IAMUserChangePassword": [_allow("iam:GetAccountPasswordPolicy", "iam:ChangePassword")],
    "service-role/AmazonS3ObjectLambdaExecutionRolePolicy": [_allow(*_LOGS, "s3-object-lambda:WriteGetObjectResponse")],
    "service-role/AWSLambdaBasicExecutionRole": [_allow(*_LOGS)],
    "service-role/AWSLambdaRole": [_allow("lambda:InvokeFunction")],
    "AWSLambdaExecute": [
        _allow("logs:*"),
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::*"},
    ],
    "AWSLambdaInvocation-DynamoDB": [_allow("lambda:InvokeFunction")],
    "AWSXRayDaemonWriteAccess": [_allow("xray:PutTraceSegments", "xray:PutTelemetryRecords")],
}

AWS_MANAGED: Mapping[str, str] = MappingProxyType(
    {
        PREFIX + name: json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=4)
        for name, statements in _STATEMENTS.items()
    }
)
