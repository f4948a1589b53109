# pyright: basic, reportMissingImports=false
"""Drain3 with masks: for each line, a JSON list of messages, their clusters and its CPU time.

A new miner is made for each line.
"""

import json
import sys
import time
from importlib.metadata import version

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

MASKS = (
    (r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)", "ID"),
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "IP"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9a-f]{6,} ?){3,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9A-F]{4} ?){4,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "HEX"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "NUM"),
    (r"(?<=executed cmd )(\".+?\")", "CMD"),
)


def grouped(messages: list[str]) -> tuple[list[int], float]:
    config = TemplateMinerConfig()
    config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in MASKS]
    config.profiling_enabled = False
    miner = TemplateMiner(config=config)
    started = time.process_time()
    found = [miner.add_log_message(message)["cluster_id"] for message in messages]
    return found, time.process_time() - started


def main() -> None:
    out = sys.stdout
    print(json.dumps({"version": version("drain3")}), file=out, flush=True)
    for line in sys.stdin:
        clusters, seconds = grouped(json.loads(line))
        print(json.dumps({"clusters": clusters, "seconds": seconds}), file=out, flush=True)


if __name__ == "__main__":
    main()
