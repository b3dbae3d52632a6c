"""Runs commands of the AWS CLI in one process: each line of the input is {"args": [...], "env": {...}}, each of the output
{"code": n, "out": "...", "err": "..."}. Starting the program anew for each command would take most of the time."""
import contextlib
import io
import json
import os
import sys

from awscli.clidriver import create_clidriver


class Stream(io.TextIOWrapper):
    """A text stream in memory that has a buffer of bytes, as the real ones do."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def text(self):
        return self.buffer.getvalue().decode()


for line in sys.stdin:
    command = json.loads(line)
    os.environ.update(command["env"])
    out, err = Stream(), Stream()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = create_clidriver().main(command["args"])
        except SystemExit as end:
            code = end.code
    print(json.dumps({"code": code, "out": out.text(), "err": err.text()}), flush=True)
