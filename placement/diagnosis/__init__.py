"""Diagnosis: why one workload is not placed, in causes that are each shown to be necessary, and verified repairs."""

from __future__ import annotations

from placement.diagnosis.diagnose import diagnose
from placement.diagnosis.sentences import sentences

__all__ = ["diagnose", "sentences"]
