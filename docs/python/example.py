"""Runs one job by gRPC and follows its output: `python example.py HOST:PORT [ACTION [NAME=VALUE...]]`.

The stubs are generated from proto/ as README.md beside this file says.
"""

import os
import sys

import grpc

from stint.v0 import jobs_pb2 as pb
from stint.v0 import jobs_pb2_grpc as rpc


def main(address, action="noop", *parameters):
    token = os.environ.get("STINT_TOKEN")
    metadata = [("authorization", f"Bearer {token}")] if token else []
    with grpc.insecure_channel(address) as channel:
        jobs = rpc.JobsStub(channel)
        request = pb.SubmitJobRequest(action=action)
        if parameters:
            request.parameters.entries.update(pair.split("=", 1) for pair in parameters)
        try:
            job = jobs.SubmitJob(request, timeout=10, metadata=metadata)
        except grpc.RpcError as error:
            sys.exit(f"not submitted: {error.code().name}: {error.details()}")
        print("submitted", job.id)

        # The stream ends when the job does.
        follow = pb.GetJobLogsRequest(id=job.id, stream=True)
        for answer in jobs.GetJobLogs(follow, metadata=metadata):
            for line in answer.lines:
                print(line.line_num, line.data)

        job = jobs.GetJob(pb.GetJobRequest(id=job.id), timeout=10, metadata=metadata)
        print("ended", job.status)
        return 0 if job.status == "done" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
