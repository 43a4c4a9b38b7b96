"""The demo's handler, which answers and then stays busy until the moment that the key names: `until-SECONDS`."""

import re
import time

import lambda_function


def lambda_handler(event, context):
    answer = lambda_function.lambda_handler(event, context)
    moment = re.search(r"until-(\d+)", event["userRequest"]["url"])
    if moment:
        time.sleep(max(0.0, float(moment[1]) - time.time()))
    return answer
