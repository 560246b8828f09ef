"""A demonstration Sage 100 base of any size, and the edits a user would make in it."""

from gateway.demo.base import build_base
from gateway.demo.changes import Changes, apply_changes
from gateway.demo.desk import work
from gateway.demo.summary import BadRecord, BaseSummary

__all__ = ["BadRecord", "BaseSummary", "Changes", "apply_changes", "build_base", "work"]
