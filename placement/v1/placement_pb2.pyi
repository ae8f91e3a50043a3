import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DifferenceKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIFFERENCE_KIND_UNSPECIFIED: _ClassVar[DifferenceKind]
    DIFFERENCE_KIND_UNKNOWN: _ClassVar[DifferenceKind]
    DIFFERENCE_KIND_MISSING: _ClassVar[DifferenceKind]
    DIFFERENCE_KIND_CHANGED: _ClassVar[DifferenceKind]

class Health(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HEALTH_UNSPECIFIED: _ClassVar[Health]
    HEALTH_HEALTHY: _ClassVar[Health]
    HEALTH_DEGRADED: _ClassVar[Health]
    HEALTH_SUSPECT: _ClassVar[Health]
    HEALTH_CORDONED: _ClassVar[Health]
    HEALTH_FAILED: _ClassVar[Health]

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    KIND_TRAINING: _ClassVar[Kind]
    KIND_FINE_TUNE: _ClassVar[Kind]
    KIND_INFERENCE: _ClassVar[Kind]
    KIND_BATCH_INFERENCE: _ClassVar[Kind]
    KIND_EMBEDDING: _ClassVar[Kind]
    KIND_PIPELINE: _ClassVar[Kind]
    KIND_CPU: _ClassVar[Kind]

class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODE_UNSPECIFIED: _ClassVar[Mode]
    MODE_REQUIRE: _ClassVar[Mode]
    MODE_PREFER: _ClassVar[Mode]
    MODE_HOLD: _ClassVar[Mode]

class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATUS_UNSPECIFIED: _ClassVar[Status]
    STATUS_OPTIMAL: _ClassVar[Status]
    STATUS_FEASIBLE: _ClassVar[Status]
    STATUS_FALLBACK: _ClassVar[Status]

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_PLACED: _ClassVar[Verdict]
    VERDICT_IMPOSSIBLE: _ClassVar[Verdict]
    VERDICT_NO_ROOM: _ClassVar[Verdict]
    VERDICT_OUTCOMPETED: _ClassVar[Verdict]
    VERDICT_NOT_FOUND: _ClassVar[Verdict]
    VERDICT_REJECTED: _ClassVar[Verdict]

class BoundSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BOUND_SOURCE_UNSPECIFIED: _ClassVar[BoundSource]
    BOUND_SOURCE_CERTIFICATE: _ClassVar[BoundSource]
    BOUND_SOURCE_SOLVER: _ClassVar[BoundSource]
DIFFERENCE_KIND_UNSPECIFIED: DifferenceKind
DIFFERENCE_KIND_UNKNOWN: DifferenceKind
DIFFERENCE_KIND_MISSING: DifferenceKind
DIFFERENCE_KIND_CHANGED: DifferenceKind
HEALTH_UNSPECIFIED: Health
HEALTH_HEALTHY: Health
HEALTH_DEGRADED: Health
HEALTH_SUSPECT: Health
HEALTH_CORDONED: Health
HEALTH_FAILED: Health
KIND_UNSPECIFIED: Kind
KIND_TRAINING: Kind
KIND_FINE_TUNE: Kind
KIND_INFERENCE: Kind
KIND_BATCH_INFERENCE: Kind
KIND_EMBEDDING: Kind
KIND_PIPELINE: Kind
KIND_CPU: Kind
MODE_UNSPECIFIED: Mode
MODE_REQUIRE: Mode
MODE_PREFER: Mode
MODE_HOLD: Mode
STATUS_UNSPECIFIED: Status
STATUS_OPTIMAL: Status
STATUS_FEASIBLE: Status
STATUS_FALLBACK: Status
VERDICT_UNSPECIFIED: Verdict
VERDICT_PLACED: Verdict
VERDICT_IMPOSSIBLE: Verdict
VERDICT_NO_ROOM: Verdict
VERDICT_OUTCOMPETED: Verdict
VERDICT_NOT_FOUND: Verdict
VERDICT_REJECTED: Verdict
BOUND_SOURCE_UNSPECIFIED: BoundSource
BOUND_SOURCE_CERTIFICATE: BoundSource
BOUND_SOURCE_SOLVER: BoundSource

class PlaceRequest(_message.Message):
    __slots__ = ("request_id", "workloads", "running", "use_server_state", "tenants", "groups", "policy", "max_solve_time", "work", "seed", "expected_fabric_version", "now_s", "validate_only", "warm")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    WORKLOADS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    USE_SERVER_STATE_FIELD_NUMBER: _ClassVar[int]
    TENANTS_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    MAX_SOLVE_TIME_FIELD_NUMBER: _ClassVar[int]
    WORK_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FABRIC_VERSION_FIELD_NUMBER: _ClassVar[int]
    NOW_S_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    WARM_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    workloads: _containers.RepeatedCompositeFieldContainer[Workload]
    running: _containers.RepeatedCompositeFieldContainer[Running]
    use_server_state: bool
    tenants: _containers.RepeatedCompositeFieldContainer[Tenant]
    groups: _containers.RepeatedCompositeFieldContainer[PlacementGroup]
    policy: Policy
    max_solve_time: _duration_pb2.Duration
    work: int
    seed: int
    expected_fabric_version: str
    now_s: int
    validate_only: bool
    warm: Decision
    def __init__(self, request_id: _Optional[str] = ..., workloads: _Optional[_Iterable[_Union[Workload, _Mapping]]] = ..., running: _Optional[_Iterable[_Union[Running, _Mapping]]] = ..., use_server_state: _Optional[bool] = ..., tenants: _Optional[_Iterable[_Union[Tenant, _Mapping]]] = ..., groups: _Optional[_Iterable[_Union[PlacementGroup, _Mapping]]] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ..., max_solve_time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., work: _Optional[int] = ..., seed: _Optional[int] = ..., expected_fabric_version: _Optional[str] = ..., now_s: _Optional[int] = ..., validate_only: _Optional[bool] = ..., warm: _Optional[_Union[Decision, _Mapping]] = ...) -> None: ...

class PlaceResponse(_message.Message):
    __slots__ = ("decision", "fabric_version", "state_version", "reserved_version")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    FABRIC_VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    RESERVED_VERSION_FIELD_NUMBER: _ClassVar[int]
    decision: Decision
    fabric_version: str
    state_version: str
    reserved_version: str
    def __init__(self, decision: _Optional[_Union[Decision, _Mapping]] = ..., fabric_version: _Optional[str] = ..., state_version: _Optional[str] = ..., reserved_version: _Optional[str] = ...) -> None: ...

class ReleaseRequest(_message.Message):
    __slots__ = ("request_id", "workloads")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    WORKLOADS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    workloads: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, request_id: _Optional[str] = ..., workloads: _Optional[_Iterable[str]] = ...) -> None: ...

class ReleaseResponse(_message.Message):
    __slots__ = ("released", "unknown", "state_version")
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    STATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    released: _containers.RepeatedScalarFieldContainer[str]
    unknown: _containers.RepeatedScalarFieldContainer[str]
    state_version: str
    def __init__(self, released: _Optional[_Iterable[str]] = ..., unknown: _Optional[_Iterable[str]] = ..., state_version: _Optional[str] = ...) -> None: ...

class ListPlacementsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "tenant")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    tenant: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., tenant: _Optional[str] = ...) -> None: ...

class ListPlacementsResponse(_message.Message):
    __slots__ = ("running", "next_page_token", "state_version")
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    running: _containers.RepeatedCompositeFieldContainer[Running]
    next_page_token: str
    state_version: str
    def __init__(self, running: _Optional[_Iterable[_Union[Running, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., state_version: _Optional[str] = ...) -> None: ...

class CheckRequest(_message.Message):
    __slots__ = ("workloads", "placements", "running", "use_server_state", "tenants", "groups", "policy", "now_s")
    WORKLOADS_FIELD_NUMBER: _ClassVar[int]
    PLACEMENTS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    USE_SERVER_STATE_FIELD_NUMBER: _ClassVar[int]
    TENANTS_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    NOW_S_FIELD_NUMBER: _ClassVar[int]
    workloads: _containers.RepeatedCompositeFieldContainer[Workload]
    placements: _containers.RepeatedCompositeFieldContainer[Placement]
    running: _containers.RepeatedCompositeFieldContainer[Running]
    use_server_state: bool
    tenants: _containers.RepeatedCompositeFieldContainer[Tenant]
    groups: _containers.RepeatedCompositeFieldContainer[PlacementGroup]
    policy: Policy
    now_s: int
    def __init__(self, workloads: _Optional[_Iterable[_Union[Workload, _Mapping]]] = ..., placements: _Optional[_Iterable[_Union[Placement, _Mapping]]] = ..., running: _Optional[_Iterable[_Union[Running, _Mapping]]] = ..., use_server_state: _Optional[bool] = ..., tenants: _Optional[_Iterable[_Union[Tenant, _Mapping]]] = ..., groups: _Optional[_Iterable[_Union[PlacementGroup, _Mapping]]] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ..., now_s: _Optional[int] = ...) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("violations", "fabric_version", "state_version")
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    FABRIC_VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    violations: _containers.RepeatedScalarFieldContainer[str]
    fabric_version: str
    state_version: str
    def __init__(self, violations: _Optional[_Iterable[str]] = ..., fabric_version: _Optional[str] = ..., state_version: _Optional[str] = ...) -> None: ...

class WhatIfRequest(_message.Message):
    __slots__ = ("place", "edits", "set")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    EDITS_FIELD_NUMBER: _ClassVar[int]
    SET_FIELD_NUMBER: _ClassVar[int]
    place: PlaceRequest
    edits: _containers.RepeatedCompositeFieldContainer[Edit]
    set: _struct_pb2.Struct
    def __init__(self, place: _Optional[_Union[PlaceRequest, _Mapping]] = ..., edits: _Optional[_Iterable[_Union[Edit, _Mapping]]] = ..., set: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class WhatIfResponse(_message.Message):
    __slots__ = ("comparison", "before", "after", "fabric_version", "state_version")
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    FABRIC_VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    comparison: Comparison
    before: Decision
    after: Decision
    fabric_version: str
    state_version: str
    def __init__(self, comparison: _Optional[_Union[Comparison, _Mapping]] = ..., before: _Optional[_Union[Decision, _Mapping]] = ..., after: _Optional[_Union[Decision, _Mapping]] = ..., fabric_version: _Optional[str] = ..., state_version: _Optional[str] = ...) -> None: ...

class GetCaseRequest(_message.Message):
    __slots__ = ("case_id",)
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    case_id: str
    def __init__(self, case_id: _Optional[str] = ...) -> None: ...

class GetCaseResponse(_message.Message):
    __slots__ = ("case_json", "decision", "kept_s", "warm")
    CASE_JSON_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    KEPT_S_FIELD_NUMBER: _ClassVar[int]
    WARM_FIELD_NUMBER: _ClassVar[int]
    case_json: str
    decision: Decision
    kept_s: int
    warm: Decision
    def __init__(self, case_json: _Optional[str] = ..., decision: _Optional[_Union[Decision, _Mapping]] = ..., kept_s: _Optional[int] = ..., warm: _Optional[_Union[Decision, _Mapping]] = ...) -> None: ...

class GetFabricRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetFabricResponse(_message.Message):
    __slots__ = ("fleet", "running", "fabric_version", "state_version")
    FLEET_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    FABRIC_VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    fleet: Fleet
    running: _containers.RepeatedCompositeFieldContainer[Running]
    fabric_version: str
    state_version: str
    def __init__(self, fleet: _Optional[_Union[Fleet, _Mapping]] = ..., running: _Optional[_Iterable[_Union[Running, _Mapping]]] = ..., fabric_version: _Optional[str] = ..., state_version: _Optional[str] = ...) -> None: ...

class PutFabricRequest(_message.Message):
    __slots__ = ("fleet", "running", "expected_version")
    FLEET_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    fleet: Fleet
    running: _containers.RepeatedCompositeFieldContainer[Running]
    expected_version: str
    def __init__(self, fleet: _Optional[_Union[Fleet, _Mapping]] = ..., running: _Optional[_Iterable[_Union[Running, _Mapping]]] = ..., expected_version: _Optional[str] = ...) -> None: ...

class PutFabricResponse(_message.Message):
    __slots__ = ("fabric_version", "state_version")
    FABRIC_VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    fabric_version: str
    state_version: str
    def __init__(self, fabric_version: _Optional[str] = ..., state_version: _Optional[str] = ...) -> None: ...

class PutFabricStreamRequest(_message.Message):
    __slots__ = ("part",)
    PART_FIELD_NUMBER: _ClassVar[int]
    part: PutFabricRequest
    def __init__(self, part: _Optional[_Union[PutFabricRequest, _Mapping]] = ...) -> None: ...

class PutFabricStreamResponse(_message.Message):
    __slots__ = ("fabric_version", "state_version")
    FABRIC_VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    fabric_version: str
    state_version: str
    def __init__(self, fabric_version: _Optional[str] = ..., state_version: _Optional[str] = ...) -> None: ...

class EditFabricRequest(_message.Message):
    __slots__ = ("request_id", "edits", "expected_version", "validate_only")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EDITS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    edits: _containers.RepeatedCompositeFieldContainer[Edit]
    expected_version: str
    validate_only: bool
    def __init__(self, request_id: _Optional[str] = ..., edits: _Optional[_Iterable[_Union[Edit, _Mapping]]] = ..., expected_version: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class EditFabricResponse(_message.Message):
    __slots__ = ("fabric_version", "state_version", "nodes", "affected")
    FABRIC_VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    AFFECTED_FIELD_NUMBER: _ClassVar[int]
    fabric_version: str
    state_version: str
    nodes: _containers.RepeatedScalarFieldContainer[str]
    affected: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, fabric_version: _Optional[str] = ..., state_version: _Optional[str] = ..., nodes: _Optional[_Iterable[str]] = ..., affected: _Optional[_Iterable[str]] = ...) -> None: ...

class Edit(_message.Message):
    __slots__ = ("drain", "fail", "restore", "add", "derate", "relabel")
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    FAIL_FIELD_NUMBER: _ClassVar[int]
    RESTORE_FIELD_NUMBER: _ClassVar[int]
    ADD_FIELD_NUMBER: _ClassVar[int]
    DERATE_FIELD_NUMBER: _ClassVar[int]
    RELABEL_FIELD_NUMBER: _ClassVar[int]
    drain: DrainEdit
    fail: FailEdit
    restore: RestoreEdit
    add: AddEdit
    derate: DerateEdit
    relabel: RelabelEdit
    def __init__(self, drain: _Optional[_Union[DrainEdit, _Mapping]] = ..., fail: _Optional[_Union[FailEdit, _Mapping]] = ..., restore: _Optional[_Union[RestoreEdit, _Mapping]] = ..., add: _Optional[_Union[AddEdit, _Mapping]] = ..., derate: _Optional[_Union[DerateEdit, _Mapping]] = ..., relabel: _Optional[_Union[RelabelEdit, _Mapping]] = ...) -> None: ...

class DrainEdit(_message.Message):
    __slots__ = ("part",)
    PART_FIELD_NUMBER: _ClassVar[int]
    part: str
    def __init__(self, part: _Optional[str] = ...) -> None: ...

class FailEdit(_message.Message):
    __slots__ = ("part",)
    PART_FIELD_NUMBER: _ClassVar[int]
    part: str
    def __init__(self, part: _Optional[str] = ...) -> None: ...

class RestoreEdit(_message.Message):
    __slots__ = ("part",)
    PART_FIELD_NUMBER: _ClassVar[int]
    part: str
    def __init__(self, part: _Optional[str] = ...) -> None: ...

class AddEdit(_message.Message):
    __slots__ = ("kind", "count", "at")
    KIND_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    kind: str
    count: int
    at: str
    def __init__(self, kind: _Optional[str] = ..., count: _Optional[int] = ..., at: _Optional[str] = ...) -> None: ...

class DerateEdit(_message.Message):
    __slots__ = ("part", "power_percent", "power_w", "gpus")
    PART_FIELD_NUMBER: _ClassVar[int]
    POWER_PERCENT_FIELD_NUMBER: _ClassVar[int]
    POWER_W_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    part: str
    power_percent: int
    power_w: int
    gpus: int
    def __init__(self, part: _Optional[str] = ..., power_percent: _Optional[int] = ..., power_w: _Optional[int] = ..., gpus: _Optional[int] = ...) -> None: ...

class RelabelEdit(_message.Message):
    __slots__ = ("part", "path", "labels")
    class PathEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PART_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    part: str
    path: _containers.ScalarMap[str, str]
    labels: _containers.ScalarMap[str, str]
    def __init__(self, part: _Optional[str] = ..., path: _Optional[_Mapping[str, str]] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ReconcileRequest(_message.Message):
    __slots__ = ("request_id", "running", "adopt", "grace_s", "expected_state_version")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    ADOPT_FIELD_NUMBER: _ClassVar[int]
    GRACE_S_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_STATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    running: _containers.RepeatedCompositeFieldContainer[Running]
    adopt: bool
    grace_s: int
    expected_state_version: str
    def __init__(self, request_id: _Optional[str] = ..., running: _Optional[_Iterable[_Union[Running, _Mapping]]] = ..., adopt: _Optional[bool] = ..., grace_s: _Optional[int] = ..., expected_state_version: _Optional[str] = ...) -> None: ...

class Difference(_message.Message):
    __slots__ = ("workload", "kind", "detail")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    workload: str
    kind: DifferenceKind
    detail: str
    def __init__(self, workload: _Optional[str] = ..., kind: _Optional[_Union[DifferenceKind, str]] = ..., detail: _Optional[str] = ...) -> None: ...

class ReconcileResponse(_message.Message):
    __slots__ = ("differences", "adopted", "state_version", "holds")
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    ADOPTED_FIELD_NUMBER: _ClassVar[int]
    STATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    differences: _containers.RepeatedCompositeFieldContainer[Difference]
    adopted: bool
    state_version: str
    holds: _containers.RepeatedCompositeFieldContainer[Hold]
    def __init__(self, differences: _Optional[_Iterable[_Union[Difference, _Mapping]]] = ..., adopted: _Optional[bool] = ..., state_version: _Optional[str] = ..., holds: _Optional[_Iterable[_Union[Hold, _Mapping]]] = ...) -> None: ...

class Level(_message.Message):
    __slots__ = ("name", "latency_us", "bandwidth_gbps")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    BANDWIDTH_GBPS_FIELD_NUMBER: _ClassVar[int]
    name: str
    latency_us: int
    bandwidth_gbps: int
    def __init__(self, name: _Optional[str] = ..., latency_us: _Optional[int] = ..., bandwidth_gbps: _Optional[int] = ...) -> None: ...

class Taint(_message.Message):
    __slots__ = ("key", "value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class Window(_message.Message):
    __slots__ = ("start_s", "end_s")
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    start_s: int
    end_s: int
    def __init__(self, start_s: _Optional[int] = ..., end_s: _Optional[int] = ...) -> None: ...

class Node(_message.Message):
    __slots__ = ("id", "path", "gpu_model", "gpu_count", "gpu_memory_mib", "unhealthy_gpus", "cpu_milli", "memory_mib", "nics", "price_micro_usd_h", "idle_power_w", "gpu_power_w", "labels", "taints", "health", "maintenance", "feed")
    class PathEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    GPU_MODEL_FIELD_NUMBER: _ClassVar[int]
    GPU_COUNT_FIELD_NUMBER: _ClassVar[int]
    GPU_MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    UNHEALTHY_GPUS_FIELD_NUMBER: _ClassVar[int]
    CPU_MILLI_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    NICS_FIELD_NUMBER: _ClassVar[int]
    PRICE_MICRO_USD_H_FIELD_NUMBER: _ClassVar[int]
    IDLE_POWER_W_FIELD_NUMBER: _ClassVar[int]
    GPU_POWER_W_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TAINTS_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    MAINTENANCE_FIELD_NUMBER: _ClassVar[int]
    FEED_FIELD_NUMBER: _ClassVar[int]
    id: str
    path: _containers.ScalarMap[str, str]
    gpu_model: str
    gpu_count: int
    gpu_memory_mib: int
    unhealthy_gpus: _containers.RepeatedScalarFieldContainer[int]
    cpu_milli: int
    memory_mib: int
    nics: int
    price_micro_usd_h: int
    idle_power_w: int
    gpu_power_w: int
    labels: _containers.ScalarMap[str, str]
    taints: _containers.RepeatedCompositeFieldContainer[Taint]
    health: Health
    maintenance: _containers.RepeatedCompositeFieldContainer[Window]
    feed: str
    def __init__(self, id: _Optional[str] = ..., path: _Optional[_Mapping[str, str]] = ..., gpu_model: _Optional[str] = ..., gpu_count: _Optional[int] = ..., gpu_memory_mib: _Optional[int] = ..., unhealthy_gpus: _Optional[_Iterable[int]] = ..., cpu_milli: _Optional[int] = ..., memory_mib: _Optional[int] = ..., nics: _Optional[int] = ..., price_micro_usd_h: _Optional[int] = ..., idle_power_w: _Optional[int] = ..., gpu_power_w: _Optional[int] = ..., labels: _Optional[_Mapping[str, str]] = ..., taints: _Optional[_Iterable[_Union[Taint, _Mapping]]] = ..., health: _Optional[_Union[Health, str]] = ..., maintenance: _Optional[_Iterable[_Union[Window, _Mapping]]] = ..., feed: _Optional[str] = ...) -> None: ...

class Link(_message.Message):
    __slots__ = ("a", "b", "bandwidth_gbps", "latency_us")
    A_FIELD_NUMBER: _ClassVar[int]
    B_FIELD_NUMBER: _ClassVar[int]
    BANDWIDTH_GBPS_FIELD_NUMBER: _ClassVar[int]
    LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    a: str
    b: str
    bandwidth_gbps: int
    latency_us: int
    def __init__(self, a: _Optional[str] = ..., b: _Optional[str] = ..., bandwidth_gbps: _Optional[int] = ..., latency_us: _Optional[int] = ...) -> None: ...

class PowerCap(_message.Message):
    __slots__ = ("partition", "domain", "cap_w")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    CAP_W_FIELD_NUMBER: _ClassVar[int]
    partition: str
    domain: str
    cap_w: int
    def __init__(self, partition: _Optional[str] = ..., domain: _Optional[str] = ..., cap_w: _Optional[int] = ...) -> None: ...

class Site(_message.Message):
    __slots__ = ("name", "tariff_micro_usd_kwh", "carbon_g_kwh")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TARIFF_MICRO_USD_KWH_FIELD_NUMBER: _ClassVar[int]
    CARBON_G_KWH_FIELD_NUMBER: _ClassVar[int]
    name: str
    tariff_micro_usd_kwh: int
    carbon_g_kwh: int
    def __init__(self, name: _Optional[str] = ..., tariff_micro_usd_kwh: _Optional[int] = ..., carbon_g_kwh: _Optional[int] = ...) -> None: ...

class Fleet(_message.Message):
    __slots__ = ("schema_version", "name", "levels", "nodes", "links", "power_caps", "sites", "default_site")
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LEVELS_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    POWER_CAPS_FIELD_NUMBER: _ClassVar[int]
    SITES_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_SITE_FIELD_NUMBER: _ClassVar[int]
    schema_version: int
    name: str
    levels: _containers.RepeatedCompositeFieldContainer[Level]
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    links: _containers.RepeatedCompositeFieldContainer[Link]
    power_caps: _containers.RepeatedCompositeFieldContainer[PowerCap]
    sites: _containers.RepeatedCompositeFieldContainer[Site]
    default_site: str
    def __init__(self, schema_version: _Optional[int] = ..., name: _Optional[str] = ..., levels: _Optional[_Iterable[_Union[Level, _Mapping]]] = ..., nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., links: _Optional[_Iterable[_Union[Link, _Mapping]]] = ..., power_caps: _Optional[_Iterable[_Union[PowerCap, _Mapping]]] = ..., sites: _Optional[_Iterable[_Union[Site, _Mapping]]] = ..., default_site: _Optional[str] = ...) -> None: ...

class Proximity(_message.Message):
    __slots__ = ("level", "mode")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    level: str
    mode: Mode
    def __init__(self, level: _Optional[str] = ..., mode: _Optional[_Union[Mode, str]] = ...) -> None: ...

class Segment(_message.Message):
    __slots__ = ("size", "level")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    size: int
    level: str
    def __init__(self, size: _Optional[int] = ..., level: _Optional[str] = ...) -> None: ...

class Spread(_message.Message):
    __slots__ = ("level", "max_per_domain", "mode")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    MAX_PER_DOMAIN_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    level: str
    max_per_domain: int
    mode: Mode
    def __init__(self, level: _Optional[str] = ..., max_per_domain: _Optional[int] = ..., mode: _Optional[_Union[Mode, str]] = ...) -> None: ...

class Role(_message.Message):
    __slots__ = ("name", "replicas", "min_replicas", "gpus", "gpu_milli", "gpu_models", "gpu_memory_mib", "cpu_milli", "memory_mib", "nics", "mig_profile", "proximity", "segment", "spread")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    MIN_REPLICAS_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    GPU_MILLI_FIELD_NUMBER: _ClassVar[int]
    GPU_MODELS_FIELD_NUMBER: _ClassVar[int]
    GPU_MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    CPU_MILLI_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    NICS_FIELD_NUMBER: _ClassVar[int]
    MIG_PROFILE_FIELD_NUMBER: _ClassVar[int]
    PROXIMITY_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    SPREAD_FIELD_NUMBER: _ClassVar[int]
    name: str
    replicas: int
    min_replicas: int
    gpus: int
    gpu_milli: int
    gpu_models: _containers.RepeatedScalarFieldContainer[str]
    gpu_memory_mib: int
    cpu_milli: int
    memory_mib: int
    nics: int
    mig_profile: str
    proximity: Proximity
    segment: Segment
    spread: Spread
    def __init__(self, name: _Optional[str] = ..., replicas: _Optional[int] = ..., min_replicas: _Optional[int] = ..., gpus: _Optional[int] = ..., gpu_milli: _Optional[int] = ..., gpu_models: _Optional[_Iterable[str]] = ..., gpu_memory_mib: _Optional[int] = ..., cpu_milli: _Optional[int] = ..., memory_mib: _Optional[int] = ..., nics: _Optional[int] = ..., mig_profile: _Optional[str] = ..., proximity: _Optional[_Union[Proximity, _Mapping]] = ..., segment: _Optional[_Union[Segment, _Mapping]] = ..., spread: _Optional[_Union[Spread, _Mapping]] = ...) -> None: ...

class Subgroup(_message.Message):
    __slots__ = ("name", "roles", "proximity")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    PROXIMITY_FIELD_NUMBER: _ClassVar[int]
    name: str
    roles: _containers.RepeatedCompositeFieldContainer[Role]
    proximity: Proximity
    def __init__(self, name: _Optional[str] = ..., roles: _Optional[_Iterable[_Union[Role, _Mapping]]] = ..., proximity: _Optional[_Union[Proximity, _Mapping]] = ...) -> None: ...

class Affinity(_message.Message):
    __slots__ = ("level", "workloads", "match", "mode")
    class MatchEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    WORKLOADS_FIELD_NUMBER: _ClassVar[int]
    MATCH_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    level: str
    workloads: _containers.RepeatedScalarFieldContainer[str]
    match: _containers.ScalarMap[str, str]
    mode: Mode
    def __init__(self, level: _Optional[str] = ..., workloads: _Optional[_Iterable[str]] = ..., match: _Optional[_Mapping[str, str]] = ..., mode: _Optional[_Union[Mode, str]] = ...) -> None: ...

class StringList(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, values: _Optional[_Iterable[str]] = ...) -> None: ...

class Workload(_message.Message):
    __slots__ = ("id", "kind", "tenant", "tier", "priority", "subgroups", "min_subgroups", "proximity", "affinity", "anti_affinity", "node_selector", "tolerations", "labels", "expected_duration_s", "state_mib", "state_nodes", "message_mib", "group")
    class NodeSelectorEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: StringList
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[StringList, _Mapping]] = ...) -> None: ...
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    SUBGROUPS_FIELD_NUMBER: _ClassVar[int]
    MIN_SUBGROUPS_FIELD_NUMBER: _ClassVar[int]
    PROXIMITY_FIELD_NUMBER: _ClassVar[int]
    AFFINITY_FIELD_NUMBER: _ClassVar[int]
    ANTI_AFFINITY_FIELD_NUMBER: _ClassVar[int]
    NODE_SELECTOR_FIELD_NUMBER: _ClassVar[int]
    TOLERATIONS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_DURATION_S_FIELD_NUMBER: _ClassVar[int]
    STATE_MIB_FIELD_NUMBER: _ClassVar[int]
    STATE_NODES_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_MIB_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: Kind
    tenant: str
    tier: int
    priority: int
    subgroups: _containers.RepeatedCompositeFieldContainer[Subgroup]
    min_subgroups: int
    proximity: Proximity
    affinity: _containers.RepeatedCompositeFieldContainer[Affinity]
    anti_affinity: _containers.RepeatedCompositeFieldContainer[Affinity]
    node_selector: _containers.MessageMap[str, StringList]
    tolerations: _containers.RepeatedScalarFieldContainer[str]
    labels: _containers.ScalarMap[str, str]
    expected_duration_s: int
    state_mib: int
    state_nodes: _containers.RepeatedScalarFieldContainer[str]
    message_mib: int
    group: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[Kind, str]] = ..., tenant: _Optional[str] = ..., tier: _Optional[int] = ..., priority: _Optional[int] = ..., subgroups: _Optional[_Iterable[_Union[Subgroup, _Mapping]]] = ..., min_subgroups: _Optional[int] = ..., proximity: _Optional[_Union[Proximity, _Mapping]] = ..., affinity: _Optional[_Iterable[_Union[Affinity, _Mapping]]] = ..., anti_affinity: _Optional[_Iterable[_Union[Affinity, _Mapping]]] = ..., node_selector: _Optional[_Mapping[str, StringList]] = ..., tolerations: _Optional[_Iterable[str]] = ..., labels: _Optional[_Mapping[str, str]] = ..., expected_duration_s: _Optional[int] = ..., state_mib: _Optional[int] = ..., state_nodes: _Optional[_Iterable[str]] = ..., message_mib: _Optional[int] = ..., group: _Optional[str] = ...) -> None: ...

class PlacementGroup(_message.Message):
    __slots__ = ("name", "level")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    name: str
    level: str
    def __init__(self, name: _Optional[str] = ..., level: _Optional[str] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("index", "milli")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    MILLI_FIELD_NUMBER: _ClassVar[int]
    index: int
    milli: int
    def __init__(self, index: _Optional[int] = ..., milli: _Optional[int] = ...) -> None: ...

class Replica(_message.Message):
    __slots__ = ("subgroup", "role", "node", "devices")
    SUBGROUP_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    subgroup: str
    role: str
    node: str
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    def __init__(self, subgroup: _Optional[str] = ..., role: _Optional[str] = ..., node: _Optional[str] = ..., devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ...) -> None: ...

class Running(_message.Message):
    __slots__ = ("workload", "replicas", "start_s", "expected_end_s", "last_checkpoint_s", "restart_cost_micro_usd", "movable", "evictable")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_END_S_FIELD_NUMBER: _ClassVar[int]
    LAST_CHECKPOINT_S_FIELD_NUMBER: _ClassVar[int]
    RESTART_COST_MICRO_USD_FIELD_NUMBER: _ClassVar[int]
    MOVABLE_FIELD_NUMBER: _ClassVar[int]
    EVICTABLE_FIELD_NUMBER: _ClassVar[int]
    workload: Workload
    replicas: _containers.RepeatedCompositeFieldContainer[Replica]
    start_s: int
    expected_end_s: int
    last_checkpoint_s: int
    restart_cost_micro_usd: int
    movable: bool
    evictable: bool
    def __init__(self, workload: _Optional[_Union[Workload, _Mapping]] = ..., replicas: _Optional[_Iterable[_Union[Replica, _Mapping]]] = ..., start_s: _Optional[int] = ..., expected_end_s: _Optional[int] = ..., last_checkpoint_s: _Optional[int] = ..., restart_cost_micro_usd: _Optional[int] = ..., movable: _Optional[bool] = ..., evictable: _Optional[bool] = ...) -> None: ...

class Tenant(_message.Message):
    __slots__ = ("name", "weight", "quota_gpu_milli", "quota_by_model", "parent", "guaranteed_gpu_milli", "disruption_budget", "guaranteed_by_model", "borrowing_limit_gpu_milli", "borrowing_limit_by_model", "lending_limit_gpu_milli", "lending_limit_by_model", "used_gpu_milli_h")
    class QuotaByModelEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class GuaranteedByModelEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class BorrowingLimitByModelEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class LendingLimitByModelEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    QUOTA_GPU_MILLI_FIELD_NUMBER: _ClassVar[int]
    QUOTA_BY_MODEL_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    GUARANTEED_GPU_MILLI_FIELD_NUMBER: _ClassVar[int]
    DISRUPTION_BUDGET_FIELD_NUMBER: _ClassVar[int]
    GUARANTEED_BY_MODEL_FIELD_NUMBER: _ClassVar[int]
    BORROWING_LIMIT_GPU_MILLI_FIELD_NUMBER: _ClassVar[int]
    BORROWING_LIMIT_BY_MODEL_FIELD_NUMBER: _ClassVar[int]
    LENDING_LIMIT_GPU_MILLI_FIELD_NUMBER: _ClassVar[int]
    LENDING_LIMIT_BY_MODEL_FIELD_NUMBER: _ClassVar[int]
    USED_GPU_MILLI_H_FIELD_NUMBER: _ClassVar[int]
    name: str
    weight: int
    quota_gpu_milli: int
    quota_by_model: _containers.ScalarMap[str, int]
    parent: str
    guaranteed_gpu_milli: int
    disruption_budget: int
    guaranteed_by_model: _containers.ScalarMap[str, int]
    borrowing_limit_gpu_milli: int
    borrowing_limit_by_model: _containers.ScalarMap[str, int]
    lending_limit_gpu_milli: int
    lending_limit_by_model: _containers.ScalarMap[str, int]
    used_gpu_milli_h: int
    def __init__(self, name: _Optional[str] = ..., weight: _Optional[int] = ..., quota_gpu_milli: _Optional[int] = ..., quota_by_model: _Optional[_Mapping[str, int]] = ..., parent: _Optional[str] = ..., guaranteed_gpu_milli: _Optional[int] = ..., disruption_budget: _Optional[int] = ..., guaranteed_by_model: _Optional[_Mapping[str, int]] = ..., borrowing_limit_gpu_milli: _Optional[int] = ..., borrowing_limit_by_model: _Optional[_Mapping[str, int]] = ..., lending_limit_gpu_milli: _Optional[int] = ..., lending_limit_by_model: _Optional[_Mapping[str, int]] = ..., used_gpu_milli_h: _Optional[int] = ...) -> None: ...

class RuleSpec(_message.Message):
    __slots__ = ("name", "mode", "tier", "weight", "params")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    name: str
    mode: Mode
    tier: int
    weight: int
    params: _struct_pb2.Struct
    def __init__(self, name: _Optional[str] = ..., mode: _Optional[_Union[Mode, str]] = ..., tier: _Optional[int] = ..., weight: _Optional[int] = ..., params: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ("name", "rules")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    name: str
    rules: _containers.RepeatedCompositeFieldContainer[RuleSpec]
    def __init__(self, name: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[RuleSpec, _Mapping]]] = ...) -> None: ...

class TierReport(_message.Message):
    __slots__ = ("tier", "value", "bound", "gap", "abs_gap", "bound_source", "do_nothing", "terms")
    TIER_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    ABS_GAP_FIELD_NUMBER: _ClassVar[int]
    BOUND_SOURCE_FIELD_NUMBER: _ClassVar[int]
    DO_NOTHING_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    tier: int
    value: int
    bound: int
    gap: float
    abs_gap: int
    bound_source: BoundSource
    do_nothing: int
    terms: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tier: _Optional[int] = ..., value: _Optional[int] = ..., bound: _Optional[int] = ..., gap: _Optional[float] = ..., abs_gap: _Optional[int] = ..., bound_source: _Optional[_Union[BoundSource, str]] = ..., do_nothing: _Optional[int] = ..., terms: _Optional[_Iterable[str]] = ...) -> None: ...

class Term(_message.Message):
    __slots__ = ("name", "tier", "points", "natural", "unit", "weight")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    NATURAL_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    name: str
    tier: int
    points: int
    natural: float
    unit: str
    weight: int
    def __init__(self, name: _Optional[str] = ..., tier: _Optional[int] = ..., points: _Optional[int] = ..., natural: _Optional[float] = ..., unit: _Optional[str] = ..., weight: _Optional[int] = ...) -> None: ...

class PlacedReplica(_message.Message):
    __slots__ = ("subgroup", "role", "node", "devices")
    SUBGROUP_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    subgroup: str
    role: str
    node: str
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    def __init__(self, subgroup: _Optional[str] = ..., role: _Optional[str] = ..., node: _Optional[str] = ..., devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ...) -> None: ...

class Placement(_message.Message):
    __slots__ = ("workload", "replicas")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    workload: str
    replicas: _containers.RepeatedCompositeFieldContainer[PlacedReplica]
    def __init__(self, workload: _Optional[str] = ..., replicas: _Optional[_Iterable[_Union[PlacedReplica, _Mapping]]] = ...) -> None: ...

class Unplaced(_message.Message):
    __slots__ = ("workload", "verdict", "rule", "reason", "rivals")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RIVALS_FIELD_NUMBER: _ClassVar[int]
    workload: str
    verdict: Verdict
    rule: str
    reason: str
    rivals: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, workload: _Optional[str] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., rule: _Optional[str] = ..., reason: _Optional[str] = ..., rivals: _Optional[_Iterable[str]] = ...) -> None: ...

class Hold(_message.Message):
    __slots__ = ("rule", "subject", "detail")
    RULE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    rule: str
    subject: str
    detail: str
    def __init__(self, rule: _Optional[str] = ..., subject: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class Multiplier(_message.Message):
    __slots__ = ("row", "value")
    ROW_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    row: str
    value: int
    def __init__(self, row: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...

class Certificate(_message.Message):
    __slots__ = ("tier", "scale", "limits", "multipliers", "kept")
    TIER_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    MULTIPLIERS_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    tier: int
    scale: int
    limits: _containers.RepeatedScalarFieldContainer[int]
    multipliers: _containers.RepeatedCompositeFieldContainer[Multiplier]
    kept: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tier: _Optional[int] = ..., scale: _Optional[int] = ..., limits: _Optional[_Iterable[int]] = ..., multipliers: _Optional[_Iterable[_Union[Multiplier, _Mapping]]] = ..., kept: _Optional[_Iterable[str]] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("schema_version", "case_id", "status", "fallback_reason", "tiers", "gap", "gap_tier", "bound_source", "terms", "placements", "unplaced", "holds", "timings", "certificates", "moves", "shrinks", "evictions", "growths", "warm")
    class TimingsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_REASON_FIELD_NUMBER: _ClassVar[int]
    TIERS_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    GAP_TIER_FIELD_NUMBER: _ClassVar[int]
    BOUND_SOURCE_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    PLACEMENTS_FIELD_NUMBER: _ClassVar[int]
    UNPLACED_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    SHRINKS_FIELD_NUMBER: _ClassVar[int]
    EVICTIONS_FIELD_NUMBER: _ClassVar[int]
    GROWTHS_FIELD_NUMBER: _ClassVar[int]
    WARM_FIELD_NUMBER: _ClassVar[int]
    schema_version: int
    case_id: str
    status: Status
    fallback_reason: str
    tiers: _containers.RepeatedCompositeFieldContainer[TierReport]
    gap: float
    gap_tier: int
    bound_source: BoundSource
    terms: _containers.RepeatedCompositeFieldContainer[Term]
    placements: _containers.RepeatedCompositeFieldContainer[Placement]
    unplaced: _containers.RepeatedCompositeFieldContainer[Unplaced]
    holds: _containers.RepeatedCompositeFieldContainer[Hold]
    timings: _containers.ScalarMap[str, float]
    certificates: _containers.RepeatedCompositeFieldContainer[Certificate]
    moves: _containers.RepeatedCompositeFieldContainer[Move]
    shrinks: _containers.RepeatedCompositeFieldContainer[Shrink]
    evictions: _containers.RepeatedCompositeFieldContainer[Eviction]
    growths: _containers.RepeatedCompositeFieldContainer[Growth]
    warm: WarmReport
    def __init__(self, schema_version: _Optional[int] = ..., case_id: _Optional[str] = ..., status: _Optional[_Union[Status, str]] = ..., fallback_reason: _Optional[str] = ..., tiers: _Optional[_Iterable[_Union[TierReport, _Mapping]]] = ..., gap: _Optional[float] = ..., gap_tier: _Optional[int] = ..., bound_source: _Optional[_Union[BoundSource, str]] = ..., terms: _Optional[_Iterable[_Union[Term, _Mapping]]] = ..., placements: _Optional[_Iterable[_Union[Placement, _Mapping]]] = ..., unplaced: _Optional[_Iterable[_Union[Unplaced, _Mapping]]] = ..., holds: _Optional[_Iterable[_Union[Hold, _Mapping]]] = ..., timings: _Optional[_Mapping[str, float]] = ..., certificates: _Optional[_Iterable[_Union[Certificate, _Mapping]]] = ..., moves: _Optional[_Iterable[_Union[Move, _Mapping]]] = ..., shrinks: _Optional[_Iterable[_Union[Shrink, _Mapping]]] = ..., evictions: _Optional[_Iterable[_Union[Eviction, _Mapping]]] = ..., growths: _Optional[_Iterable[_Union[Growth, _Mapping]]] = ..., warm: _Optional[_Union[WarmReport, _Mapping]] = ...) -> None: ...

class WarmReport(_message.Message):
    __slots__ = ("kept", "changed", "dropped", "unknown", "bounds")
    KEPT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    BOUNDS_FIELD_NUMBER: _ClassVar[int]
    kept: int
    changed: int
    dropped: int
    unknown: int
    bounds: _containers.RepeatedCompositeFieldContainer[WarmBound]
    def __init__(self, kept: _Optional[int] = ..., changed: _Optional[int] = ..., dropped: _Optional[int] = ..., unknown: _Optional[int] = ..., bounds: _Optional[_Iterable[_Union[WarmBound, _Mapping]]] = ...) -> None: ...

class WarmBound(_message.Message):
    __slots__ = ("tier", "bound")
    TIER_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    tier: int
    bound: int
    def __init__(self, tier: _Optional[int] = ..., bound: _Optional[int] = ...) -> None: ...

class Move(_message.Message):
    __slots__ = ("workload", "moved", "replicas")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    MOVED_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    workload: str
    moved: int
    replicas: _containers.RepeatedCompositeFieldContainer[PlacedReplica]
    def __init__(self, workload: _Optional[str] = ..., moved: _Optional[int] = ..., replicas: _Optional[_Iterable[_Union[PlacedReplica, _Mapping]]] = ...) -> None: ...

class Shrink(_message.Message):
    __slots__ = ("workload", "lost", "replicas")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    workload: str
    lost: int
    replicas: _containers.RepeatedCompositeFieldContainer[PlacedReplica]
    def __init__(self, workload: _Optional[str] = ..., lost: _Optional[int] = ..., replicas: _Optional[_Iterable[_Union[PlacedReplica, _Mapping]]] = ...) -> None: ...

class Growth(_message.Message):
    __slots__ = ("workload", "subgroup", "role", "before", "after", "added")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    SUBGROUP_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    workload: str
    subgroup: str
    role: str
    before: int
    after: int
    added: _containers.RepeatedCompositeFieldContainer[PlacedReplica]
    def __init__(self, workload: _Optional[str] = ..., subgroup: _Optional[str] = ..., role: _Optional[str] = ..., before: _Optional[int] = ..., after: _Optional[int] = ..., added: _Optional[_Iterable[_Union[PlacedReplica, _Mapping]]] = ...) -> None: ...

class Eviction(_message.Message):
    __slots__ = ("workload", "rivals")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    RIVALS_FIELD_NUMBER: _ClassVar[int]
    workload: str
    rivals: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, workload: _Optional[str] = ..., rivals: _Optional[_Iterable[str]] = ...) -> None: ...

class Fate(_message.Message):
    __slots__ = ("workload", "tenant", "kind", "gpus", "before", "after", "nodes_before", "nodes_after", "reason")
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    GPUS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    NODES_BEFORE_FIELD_NUMBER: _ClassVar[int]
    NODES_AFTER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    workload: str
    tenant: str
    kind: str
    gpus: float
    before: str
    after: str
    nodes_before: _containers.RepeatedScalarFieldContainer[str]
    nodes_after: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    def __init__(self, workload: _Optional[str] = ..., tenant: _Optional[str] = ..., kind: _Optional[str] = ..., gpus: _Optional[float] = ..., before: _Optional[str] = ..., after: _Optional[str] = ..., nodes_before: _Optional[_Iterable[str]] = ..., nodes_after: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ...) -> None: ...

class TierPair(_message.Message):
    __slots__ = ("tier", "value_before", "bound_before", "gap_before", "value_after", "bound_after", "gap_after", "difference", "least", "most", "says")
    TIER_FIELD_NUMBER: _ClassVar[int]
    VALUE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    BOUND_BEFORE_FIELD_NUMBER: _ClassVar[int]
    GAP_BEFORE_FIELD_NUMBER: _ClassVar[int]
    VALUE_AFTER_FIELD_NUMBER: _ClassVar[int]
    BOUND_AFTER_FIELD_NUMBER: _ClassVar[int]
    GAP_AFTER_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    LEAST_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    SAYS_FIELD_NUMBER: _ClassVar[int]
    tier: int
    value_before: int
    bound_before: int
    gap_before: float
    value_after: int
    bound_after: int
    gap_after: float
    difference: int
    least: int
    most: int
    says: str
    def __init__(self, tier: _Optional[int] = ..., value_before: _Optional[int] = ..., bound_before: _Optional[int] = ..., gap_before: _Optional[float] = ..., value_after: _Optional[int] = ..., bound_after: _Optional[int] = ..., gap_after: _Optional[float] = ..., difference: _Optional[int] = ..., least: _Optional[int] = ..., most: _Optional[int] = ..., says: _Optional[str] = ...) -> None: ...

class TermPair(_message.Message):
    __slots__ = ("name", "tier", "unit", "natural_before", "natural_after", "weight_before", "weight_after")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    NATURAL_BEFORE_FIELD_NUMBER: _ClassVar[int]
    NATURAL_AFTER_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_AFTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    tier: int
    unit: str
    natural_before: float
    natural_after: float
    weight_before: int
    weight_after: int
    def __init__(self, name: _Optional[str] = ..., tier: _Optional[int] = ..., unit: _Optional[str] = ..., natural_before: _Optional[float] = ..., natural_after: _Optional[float] = ..., weight_before: _Optional[int] = ..., weight_after: _Optional[int] = ...) -> None: ...

class TenantShare(_message.Message):
    __slots__ = ("tenant", "gpus_before", "gpus_after")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    GPUS_BEFORE_FIELD_NUMBER: _ClassVar[int]
    GPUS_AFTER_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    gpus_before: float
    gpus_after: float
    def __init__(self, tenant: _Optional[str] = ..., gpus_before: _Optional[float] = ..., gpus_after: _Optional[float] = ...) -> None: ...

class Comparison(_message.Message):
    __slots__ = ("case_before", "case_after", "status_before", "status_after", "placed_before", "pending_before", "placed_after", "pending_after", "tiers", "terms", "tenants", "fates", "unchanged", "notes")
    CASE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    CASE_AFTER_FIELD_NUMBER: _ClassVar[int]
    STATUS_BEFORE_FIELD_NUMBER: _ClassVar[int]
    STATUS_AFTER_FIELD_NUMBER: _ClassVar[int]
    PLACED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PENDING_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PLACED_AFTER_FIELD_NUMBER: _ClassVar[int]
    PENDING_AFTER_FIELD_NUMBER: _ClassVar[int]
    TIERS_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    TENANTS_FIELD_NUMBER: _ClassVar[int]
    FATES_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    case_before: str
    case_after: str
    status_before: str
    status_after: str
    placed_before: int
    pending_before: int
    placed_after: int
    pending_after: int
    tiers: _containers.RepeatedCompositeFieldContainer[TierPair]
    terms: _containers.RepeatedCompositeFieldContainer[TermPair]
    tenants: _containers.RepeatedCompositeFieldContainer[TenantShare]
    fates: _containers.RepeatedCompositeFieldContainer[Fate]
    unchanged: int
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, case_before: _Optional[str] = ..., case_after: _Optional[str] = ..., status_before: _Optional[str] = ..., status_after: _Optional[str] = ..., placed_before: _Optional[int] = ..., pending_before: _Optional[int] = ..., placed_after: _Optional[int] = ..., pending_after: _Optional[int] = ..., tiers: _Optional[_Iterable[_Union[TierPair, _Mapping]]] = ..., terms: _Optional[_Iterable[_Union[TermPair, _Mapping]]] = ..., tenants: _Optional[_Iterable[_Union[TenantShare, _Mapping]]] = ..., fates: _Optional[_Iterable[_Union[Fate, _Mapping]]] = ..., unchanged: _Optional[int] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...
