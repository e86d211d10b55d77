"""A performer as its developer would write it: generated from the published proto, knowing nothing of Vouch.

Answers each task with what the first word of its payload asks for, so that the test sees what a performer sees.
"""

import concurrent.futures
import os
import random
import sys
import time

import grpc

import performer_pb2
import performer_pb2_grpc

SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


class Performer(performer_pb2_grpc.PerformerServiceServicer):
    def __init__(self):
        self.syncs = 0
        self.tasks = 0

    def StartSync(self, request, context):
        self.syncs += 1
        return performer_pb2.StartSyncResponse()

    def ExecuteTask(self, request, context):
        self.tasks += 1
        word, _, rest = request.payload.partition(b" ")
        result = getattr(self, word.decode(), self.unknown)(request, context, rest)
        return performer_pb2.TaskResponse(task_id=request.task_id, result=result)

    def unknown(self, request, context, rest):
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no such task")

    def echo(self, request, context, rest):
        return rest

    def task(self, request, context, rest):
        return request.task_id

    def state(self, request, context, rest):
        return b"syncs %d tasks %d" % (self.syncs, self.tasks)

    def moment(self, request, context, rest):
        return f"{time.time():.3f} {os.urandom(4).hex()} {random.SystemRandom().random()}".encode()

    def sleep(self, request, context, rest):
        start = time.time()
        time.sleep(int(rest))
        return b"slept %d" % round(time.time() - start)

    def flood(self, request, context, rest):
        return bytes(int(rest))

    def fail(self, request, context, rest):
        raise ValueError("of its own making")

    def die(self, request, context, rest):
        os._exit(3)


class Health(grpc.GenericRpcHandler):
    """The standard health service by hand, which says at first that it is not ready."""

    def __init__(self):
        self.asked = 0

    def service(self, details):
        if details.method != "/grpc.health.v1.Health/Check":
            return None
        return grpc.unary_unary_rpc_method_handler(self.check)

    def check(self, request, context):
        self.asked += 1
        return NOT_SERVING if self.asked < 3 else SERVING


def main():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=2))
    performer_pb2_grpc.add_PerformerServiceServicer_to_server(Performer(), server)
    if "--health" in sys.argv:
        server.add_generic_rpc_handlers((Health(),))
    server.add_insecure_port(f"0.0.0.0:{os.environ['PORT']}")
    server.start()
    print("serving", file=sys.stderr, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
