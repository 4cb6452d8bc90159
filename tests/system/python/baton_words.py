"""Requests as dicts (protobuf's JSON, names as in proto/), and the certificates'
identities."""

import base64
import datetime
import uuid

from google.protobuf import json_format

from baton.v1 import waiting_pb2

HOSPITAL = "emergency-RX1RA"
COUNCIL = "council-E06000018"
COUNTY = "council-E10000024"
POLICE = "police-E23000019"
OPERATOR = "operator-OPS"
INTAKE = "council/E06000018/intake"
COUNTY_INTAKE = "council/E10000024/intake"
REPLIES = "emergency/RX1RA/replies"

NURSE = {"name": "R. Osei", "role": "charge nurse", "phone": "0115 496 0100"}
WORKER = {"name": "A. Fenwick", "role": "duty social worker", "team": "MASH",
          "phone": "0115 496 0202"}


def new_id():
    return str(uuid.uuid4())


def ago(**interval):
    """A moment, `interval` before now."""
    moment = (datetime.datetime.now(datetime.timezone.utc)
              - datetime.timedelta(**interval))
    return moment.isoformat().replace("+00:00", "Z")


def council_address(code="E06000018"):
    return {"agency": {"agency_class": "AGENCY_CLASS_COUNCIL", "code": code},
            "desk": "intake"}


def flag(reference, **more):
    return {"sender_reference": reference,
            "child": {"names": [{"given": "Mia", "family": "Example"}],
                      "birth_date": {"value": "2011-05-04"}},
            "arrived_time": {"value": ago(hours=3)},
            "reason": "WAITING_REASON_PLACEMENT_BREAKDOWN",
            "blocked_by": "BLOCKED_BY_PLACEMENT",
            "immediate_danger": {"value": False}, **more}


def flag_request(reference, flag_fields=None, **more):
    """A FlagWaitingRequest."""
    return {"request_id": new_id(), "flag": flag(reference, **(flag_fields or {})),
            "actor": NURSE,
            "legal_basis": "LEGAL_BASIS_CHILDREN_ACT_2004_S11", **more}


def flag_part(reference="ED-1", **more):
    """A PayloadPart that opens a matter."""
    content = json_format.ParseDict(flag(reference, **more),
                                    waiting_pb2.WaitingFlag())
    return {"matter_id": "#1", "type": "baton.v1.WaitingFlag",
            "content": encoded(content.SerializeToString())}


def encoded(content):
    """Bytes as protobuf's JSON writes them."""
    return base64.b64encode(content).decode()


def envelope(code="E06000018", **more):
    """A Message from an emergency department to a council."""
    return {"kind": "MESSAGE_KIND_WAITING_FLAG",
            "recipients": [{"address": council_address(code),
                            "role": "RECIPIENT_ROLE_ACTION"}],
            "payload": [flag_part()], "idempotency_key": new_id(),
            "idempotency_time": ago(), "ordering_key": "wait-1",
            "priority": "PRIORITY_URGENT", "actor": NURSE,
            "purpose": "PURPOSE_SAFEGUARDING",
            "legal_basis": "LEGAL_BASIS_CHILDREN_ACT_2004_S11",
            "environment": "ENVIRONMENT_TRAINING", "format_version": 1, **more}
