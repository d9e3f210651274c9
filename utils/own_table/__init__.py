"""A reader's own table, for the template: read, checked and described, or refused in one sentence."""

from utils.own_table.check import Checked, check
from utils.own_table.reading import explain_errors

__all__ = ["Checked", "check", "explain_errors"]
