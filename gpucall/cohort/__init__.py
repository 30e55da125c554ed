"""What is only seen over several samples: who is related to whom, and whether the labels are right."""

from __future__ import annotations
