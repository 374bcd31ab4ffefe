"""Variants of losses, schedules, averages, networks and data, formula by formula."""

from __future__ import annotations
