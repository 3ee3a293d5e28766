"""The read tools of an investigation: sources and perception joined into pieces of evidence.

A tool always answers with one `EvidenceDraft`. A source that fails, refuses or holds nothing is
evidence too, with its status; an exception out of here is a bug.
"""

from analysis.commands.collect.reading import MAX_SUMMARY
from analysis.commands.collect.tools import Tools
from analysis.reasoning.toolbox import MAX_VIEW

__all__ = ["MAX_SUMMARY", "MAX_VIEW", "Tools"]
