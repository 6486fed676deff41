"""The operator's terminal: a directory, an environment, and commands of handover typed there."""

import contextlib
import json
import os
import subprocess
import threading
import time

import screen
import tool
from servers import die_with_parent, end_group


class Failed(Exception):
    """A command ended otherwise than it should."""


class Terminal:
    def __init__(self, directory):
        self.directory = directory
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HANDOVER_", "AWS_"))}
        self.environment = {**kept, "HOME": str(directory), "AWS_EC2_METADATA_DISABLED": "true"}

    def _begin(self, words, background=False, **pipes):
        screen.command(["handover", *words], background)
        return subprocess.Popen([tool.BIN, *map(str, words)], cwd=self.directory, env=self.environment, text=True,
                                stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent, **pipes)

    def run(self, *words, excerpt=None, expect=(0,), deadline_s=180):
        """One command to its end; answers what it printed to standard output."""
        began = time.monotonic()
        process = self._begin(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, said = process.communicate(timeout=deadline_s * tool.SLOW)
        finally:
            end_group(process)
        if process.returncode not in expect:
            screen.output(said + out)
            raise Failed(f"'handover {words[0]} ...' ended with {process.returncode}, see above")
        screen.output(said)
        screen.output(out, excerpt)
        screen.ended(process.returncode, time.monotonic() - began)
        return out

    def ask(self, *words):
        """The JSON of a command, without showing it; None when it has none."""
        done = subprocess.run([tool.BIN, *words], cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60 * tool.SLOW)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout.startswith("{") else None

    def start(self, *words):
        return Background(self._begin(words, background=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))

    def edit(self, file, old, new):
        """What an editor would do, as a command."""
        screen.command(["sed", "-i", f"s/{old}/{new}/", file])
        path = self.directory / file
        text = path.read_text()
        if text.count(old) != 1:
            raise Failed(f"'{file}' has '{old}' {text.count(old)} times\n{text}")
        path.write_text(text.replace(old, new))

    def show(self, file):
        screen.command(["cat", file])
        screen.output((self.directory / file).read_text())


class Background:
    """A command that goes on; its lines appear as it says them."""

    def __init__(self, process):
        self.process = process
        self.thread = threading.Thread(target=self._show, daemon=True)
        self.thread.start()

    def _show(self):
        with contextlib.suppress(BrokenPipeError):
            for text in self.process.stdout:
                screen.line("| " + text.rstrip())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end_group(self.process)
        self.thread.join(10)

    def check(self):
        code = self.process.poll()
        if code is not None:
            self.thread.join(10)
            raise Failed(f"it ended too early, with {code}, see above")

    def wait(self, deadline_s=60):
        code = self.process.wait(deadline_s * tool.SLOW)
        self.thread.join(10)
        if code != 0:
            raise Failed(f"it ended with {code}, see above")
