"""Baton's services for a test in Python: calls by name, over mutual TLS.

    hospital = Caller(city, "emergency-RX1RA")
    hospital.call("EmergencyService/GetWaiting", sender_reference="ED-1")
    police = Caller(city, "police-E23000019", own="police")
    police.call("CaseService/GetCase", sender_reference="MFH-1")

Everything comes from proto/ and the certificates: no code of ours in C++ is
between a test and the wire.
"""

import grpc
from google.protobuf import json_format, symbol_database
from google.rpc import error_details_pb2  # noqa: F401  Registers its types.
from google.rpc import status_pb2

from baton.v1 import (audit_service_pb2, broker_service_pb2, case_service_pb2,
                      council_service_pb2, directory_service_pb2,
                      emergency_service_pb2, police_service_pb2,
                      school_service_pb2, tracking_service_pb2)

PORTS = {"BrokerService": "broker", "TrackingService": "broker",
         "AuditService": "broker", "DirectoryService": "broker",
         "EmergencyService": "emergency",
         "CouncilService": "council"}
_TYPES = symbol_database.Default()
_METHODS = {
    f"{service.name}/{method.name}": method
    for module in (audit_service_pb2, broker_service_pb2, case_service_pb2,
                   council_service_pb2, directory_service_pb2,
                   emergency_service_pb2, police_service_pb2,
                   school_service_pb2, tracking_service_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods}


class Refused(Exception):
    """An answer other than OK, with its google.rpc details decoded."""

    def __init__(self, error):
        self.code = error.code().name
        self.message = error.details()
        self.details = []
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                self.details = [_unpacked(detail) for detail
                                in status_pb2.Status.FromString(value).details]
        super().__init__(f"{self.code}: {self.message}")

    def fields(self):
        """The fields of a BadRequest, in its order."""
        return [violation.field for detail in self.details
                if detail.DESCRIPTOR.name == "BadRequest"
                for violation in detail.field_violations]

    def detail(self, name):
        """The detail of this type; None when there is none."""
        return next((detail for detail in self.details
                     if detail.DESCRIPTOR.name == name), None)

    def may_have_happened(self):
        """True when only a repeat with the same id can tell."""
        return self.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")


def _unpacked(any_message):
    name = any_message.type_url.rpartition("/")[2]
    return _TYPES.GetSymbol(name).FromString(any_message.value)


def message_class(descriptor):
    return _TYPES.GetPrototype(descriptor)


def build(method, fields):
    """The request of `method`: `fields` as protobuf's JSON writes them, or
    messages, or bytes where the field is bytes."""
    request = message_class(_METHODS[method].input_type)()
    json_format.ParseDict(fields, request)
    return request


class Caller:
    """One identity of a city. Thread-safe. Close it, or use `with`.

    `own` is the process that serves what is not the exchange's; without it
    that is as in PORTS."""

    def __init__(self, city, identity, own=None):
        base = city.directory / "certs" / identity
        self.city = city
        self._own = own
        self._credentials = grpc.ssl_channel_credentials(
            (city.directory / "certs" / "ca.pem").read_bytes(),
            base.with_name(base.name + ".key").read_bytes(),
            base.with_name(base.name + ".pem").read_bytes())
        self._channels = {}

    def process(self, service):
        """The process of the city that serves it."""
        usual = PORTS.get(service)
        return usual if usual == "broker" or self._own is None else self._own

    def channel(self, service):
        name = self.process(service)
        if name not in self._channels:
            self._channels[name] = grpc.secure_channel(
                f"127.0.0.1:{self.city.port(name)}", self._credentials,
                options=[("grpc.initial_reconnect_backoff_ms", 100),
                         # Also how long one attempt may take.
                         ("grpc.min_reconnect_backoff_ms", 2000),
                         ("grpc.max_reconnect_backoff_ms", 500),
                         # No sharing of connections between identities.
                         ("grpc.use_local_subchannel_pool", 1)])
        return self._channels[name]

    def call(self, method, request=None, timeout=15, wait_for_ready=False,
             **fields):
        """Answers, or raises Refused. `request` may be bytes: sent as is.

        Whoever calls a service that comes and goes waits for it: in gRPC 1.51
        a channel on which calls fail fast may never connect again."""
        described = _METHODS[method]
        if request is None:
            request = build(method, fields)
        stub = self.channel(described.containing_service.name).unary_unary(
            f"/baton.v1.{method}",
            request_serializer=lambda sent: sent if isinstance(sent, bytes)
            else sent.SerializeToString(),
            response_deserializer=message_class(
                described.output_type).FromString)
        try:
            return stub(request, timeout=timeout,
                        wait_for_ready=wait_for_ready)
        except grpc.RpcError as error:
            raise Refused(error) from None

    def stream(self, method, requests, timeout=None, wait_for_ready=False):
        """The stream of answers; `requests` yields dicts (bidirectional) or is
        one. Ends by raising grpc.RpcError, or by .cancel()."""
        described = _METHODS[method]
        channel = self.channel(described.containing_service.name)
        kinds = {"request_serializer": lambda sent: sent.SerializeToString(),
                 "response_deserializer": message_class(
                     described.output_type).FromString}
        path = f"/baton.v1.{method}"
        if isinstance(requests, dict):
            return channel.unary_stream(path, **kinds)(
                build(method, requests), timeout=timeout,
                wait_for_ready=wait_for_ready)
        return channel.stream_stream(path, **kinds)(
            (build(method, request) for request in requests), timeout=timeout,
            wait_for_ready=wait_for_ready)

    def close(self):
        for channel in self._channels.values():
            channel.close()
        self._channels.clear()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()
