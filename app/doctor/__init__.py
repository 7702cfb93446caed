"""`fm-auth doctor`: what is wrong with a deployment, and what to do about it."""

from app.doctor.examination import examine
from app.doctor.finding import Finding, Level, told

__all__ = ["Finding", "Level", "examine", "told"]
