"""What gRPC of another make sees of a replica: reflection, health, deadlines, gzip, errors, a lost watch.

    calls.py HOST:PORT     beside the stubs of proto/stint/v0
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf import descriptor_pool
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from stint.v0 import actions_pb2, action_configs_pb2, audit_pb2, cluster_pb2, crons_pb2, jobs_pb2, queues_pb2
from stint.v0 import settings_pb2, tokens_pb2, watch_pb2, workers_pb2
from stint.v0 import jobs_pb2_grpc, watch_pb2_grpc

FILES = [
    actions_pb2, action_configs_pb2, audit_pb2, cluster_pb2, crons_pb2, jobs_pb2, queues_pb2, settings_pb2,
    tokens_pb2, watch_pb2, workers_pb2,
]

# More than one client may follow at a time (docs/api.md, Limits), in rounds.
FOLLOWS = 1_100
AT_ONCE = 100


def status_of(call):
    """How a call ends that has to fail."""
    try:
        result = call()
        if hasattr(result, "__next__"):
            result = list(result)
    except grpc.RpcError as error:
        return error
    raise AssertionError(f"it did not fail: {result}")


def info_of(error):
    """The google.rpc.ErrorInfo among the details of a status."""
    for detail in rpc_status.from_call(error).details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info
    raise AssertionError(f"no ErrorInfo in {error}")


def reflection_names_and_resolves_all(channel):
    database = ProtoReflectionDescriptorDatabase(channel)
    named = set(database.get_services())
    ours = {service.full_name: service for file in FILES for service in file.DESCRIPTOR.services_by_name.values()}
    assert set(ours) <= named, set(ours) - named
    assert {name for name in named if name.startswith("stint.")} == set(ours), named
    pool = descriptor_pool.DescriptorPool(database)
    methods = 0
    for name in named:
        found = pool.FindServiceByName(name)
        assert found.methods, name
        for method in found.methods:
            assert method.input_type.full_name and method.output_type.full_name
            methods += 1
        if name in ours:
            assert shape(found) == shape(ours[name]), name
    return f"{len(named)} services, {methods} methods"


def shape(service):
    return {
        method.name: (
            method.client_streaming, method.server_streaming,
            fields(method.input_type), fields(method.output_type),
        )
        for method in service.methods
    }


def fields(message):
    return message.full_name, {field.name: (field.number, field.json_name, field.type) for field in message.fields}


def health_is_told_per_service(channel):
    health = health_pb2_grpc.HealthStub(channel)
    database = ProtoReflectionDescriptorDatabase(channel)
    ours = [name for name in database.get_services() if name.startswith("stint.")]
    for name in ["", *ours]:
        answer = health.Check(health_pb2.HealthCheckRequest(service=name), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING, (name, answer)
        watched = health.Watch(health_pb2.HealthCheckRequest(service=name), timeout=10)
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING, name
        watched.cancel()
    unknown = status_of(lambda: health.Check(health_pb2.HealthCheckRequest(service="x"), timeout=10))
    assert unknown.code() == grpc.StatusCode.NOT_FOUND, unknown
    return f"{len(ours)} services and the server"


def deadlines_end_what_would_go_on(channel):
    jobs = jobs_pb2_grpc.JobsStub(channel)
    later = jobs_pb2.SubmitJobRequest(action="noop")
    later.scheduled_at.FromJsonString("2099-01-01T00:00:00Z")
    job = jobs.SubmitJob(later, timeout=10)
    follow = jobs_pb2.GetJobLogsRequest(id=job.id, stream=True)
    began = time.monotonic()
    error = status_of(lambda: jobs.GetJobLogs(follow, timeout=1))
    took = time.monotonic() - began
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    assert 0.9 < took < 10, took
    # Places of those that have gone are free again: there are not enough for all of these.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = pool.map(lambda _: status_of(lambda: jobs.GetJobLogs(follow, timeout=0.3)), range(FOLLOWS))
        codes = {error.code() for error in ends}
    assert codes == {grpc.StatusCode.DEADLINE_EXCEEDED}, codes
    jobs.CancelJob(jobs_pb2.CancelJobRequest(id=job.id), timeout=10)
    assert list(jobs.GetJobLogs(follow, timeout=10)) is not None
    return f"{took:.2f} s for 1 s, and {FOLLOWS} follows"


def gzip_is_read(address):
    with grpc.insecure_channel(address, compression=grpc.Compression.Gzip) as channel:
        jobs = jobs_pb2_grpc.JobsStub(channel)
        request = jobs_pb2.SubmitJobRequest(action="noop")
        request.parameters.entries["TEXT"] = "x" * 200_000
        job = jobs.SubmitJob(request, timeout=10)
        assert jobs.GetJob(jobs_pb2.GetJobRequest(id=job.id), timeout=10).parameters == request.parameters
    return "200 kB of one letter"


def errors_carry_the_code_of_v0(channel):
    jobs = jobs_pb2_grpc.JobsStub(channel)
    unknown = "1fcf4c0f-ff3b-471a-8839-5dcb631b2f7b"
    for call, code, reason in [
        (lambda: jobs.GetJob(jobs_pb2.GetJobRequest(id=unknown)), "NOT_FOUND", "NO_SUCH_JOB"),
        (lambda: jobs.GetJob(jobs_pb2.GetJobRequest(id="../x")), "NOT_FOUND", "NO_SUCH_JOB"),
        (lambda: jobs.SubmitJob(jobs_pb2.SubmitJobRequest(action="x")), "NOT_FOUND", "NO_SUCH_ACTION"),
        (lambda: jobs.SubmitJob(jobs_pb2.SubmitJobRequest()), "INVALID_ARGUMENT", "INVALID_PARAMETERS"),
        (lambda: jobs.GetJobLogs(jobs_pb2.GetJobLogsRequest(id=unknown)), "NOT_FOUND", "NO_SUCH_JOB"),
    ]:
        error = status_of(call)
        info = info_of(error)
        assert (error.code().name, info.reason, info.domain) == (code, reason, "stint"), error
    assert info_of(status_of(lambda: jobs.SubmitJob(jobs_pb2.SubmitJobRequest()))).metadata["field"] == "action"
    return "5 of them"


def a_lost_index_is_out_of_range(channel):
    jobs, events = jobs_pb2_grpc.JobsStub(channel), watch_pb2_grpc.EventsStub(channel)
    request = jobs_pb2.SubmitJobRequest(action="noop")
    # The replica keeps some 4 MiB of events.
    request.parameters.entries["TEXT"] = "x" * 200_000
    for submitted in [jobs.SubmitJob(request, timeout=10) for _ in range(30)]:
        # Its output has an end when it has: what is kept does not change any more.
        assert list(jobs.GetJobLogs(jobs_pb2.GetJobLogsRequest(id=submitted.id, stream=True), timeout=60)) == []
    lost = watch_pb2.WatchRequest(**{"from": 1})
    error = status_of(lambda: events.Watch(lost, timeout=10))
    info = info_of(error)
    assert (error.code().name, info.reason) == ("OUT_OF_RANGE", "COMPACTED"), error
    oldest = int(info.metadata["oldest"])
    assert oldest > 1
    # What is kept is told in order, and from there on nothing is missing.
    kept = events.Watch(watch_pb2.WatchRequest(**{"from": oldest}), timeout=10)
    first = next(kept)
    assert first.index >= oldest, first
    kept.cancel()
    return f"the oldest that is kept is {oldest}"


def main(address):
    with grpc.insecure_channel(address) as channel:
        print("reflection:", reflection_names_and_resolves_all(channel))
        print("health:", health_is_told_per_service(channel))
        print("deadlines:", deadlines_end_what_would_go_on(channel))
        print("gzip:", gzip_is_read(address))
        print("errors:", errors_carry_the_code_of_v0(channel))
        print("watch:", a_lost_index_is_out_of_range(channel))


if __name__ == "__main__":
    main(*sys.argv[1:])
