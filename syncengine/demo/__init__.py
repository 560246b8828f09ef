"""The demonstration: the main job end to end on two small bases, every claim read back from both sides."""

from syncengine.demo.play import run_demo

__all__ = ["run_demo"]
