"""How much other programs used the processors during a measurement."""

import os
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def busy_seconds():
    """Returns the time that all processors were busy, or were not given to this machine."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(field) for field in file.readline().split()[1:9]]
    idle, waiting = fields[3:5]
    return (sum(fields) - idle - waiting) / TICKS_PER_SECOND


def own_seconds():
    """Returns the processor time of this process and of its children that have ended."""
    return sum(os.times()[:4])


def session_seconds(session):
    """Returns the processor time of the processes of a session."""
    ticks = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue  # It has ended.
        if int(fields[3]) == session:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS_PER_SECOND


class Disturbance:
    def __init__(self, measured_seconds=own_seconds):
        """`measured_seconds` answers the processor time of what is measured."""
        self.measured_seconds = measured_seconds
        self.started, self.others = time.perf_counter(), self._others()

    def _others(self):
        return busy_seconds() - self.measured_seconds()

    def share(self):
        """Returns the share of the processors that others took so far."""
        available = (time.perf_counter() - self.started) * os.cpu_count()
        return max(0.0, (self._others() - self.others) / available)
