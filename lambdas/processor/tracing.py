"""The one place that knows aws-xray-sdk, whose support ends in February 2027: replacing it must touch nothing else.

https://docs.aws.amazon.com/xray/latest/devguide/xray-sdk-daemon-timeline.html
"""

from aws_xray_sdk.core import patch


def trace_aws_calls() -> None:
    """Makes every call through botocore a subsegment of the invocation's trace."""
    patch(("botocore",))
