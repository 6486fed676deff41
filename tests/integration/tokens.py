"""IAM tokens of ElastiCache, made with AWS's own signing code as the library of its CLI brings it along."""

import datetime
import unittest.mock

import awscli.botocore.session  # noqa: F401  makes botocore importable
import botocore.auth
import botocore.awsrequest
import botocore.credentials


def token(keys, cache, user, region="us-east-1", age_s=0, expires_s=900, serverless=False, service="elasticache"):
    """As the developer guide makes them. `age_s`: how long ago."""
    query = f"Action=connect&User={user}" + ("&ResourceType=ServerlessCache" if serverless else "")
    request = botocore.awsrequest.AWSRequest("GET", f"https://{cache}/?{query}")
    signer = botocore.auth.SigV4QueryAuth(
        botocore.credentials.Credentials(keys["access_key_id"], keys["secret_access_key"]), service, region,
        expires=expires_s)
    then = datetime.datetime.utcnow() - datetime.timedelta(seconds=age_s)

    class Clock(datetime.datetime):
        @classmethod
        def utcnow(cls):
            return then

        @classmethod
        def now(cls, tz=None):
            return then.replace(tzinfo=tz)
    with unittest.mock.patch.object(botocore.auth.datetime, "datetime", Clock) \
            if hasattr(botocore.auth.datetime, "datetime") else unittest.mock.patch.object(botocore.auth, "datetime", Clock):
        signer.add_auth(request)
    return request.url.removeprefix("https://")
