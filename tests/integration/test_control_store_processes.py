"""The control store when several processes use it, and when one is killed."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from serving.stores.control import Controls, ControlStore

WRITER = """
import sys
from serving.stores.control import ControlStore
control = ControlStore.open(sys.argv[1])
for n in range(100_000):
    control.take_down(f"i{n}", reason="r", actor="child")
    print(n, flush=True)
"""
ONE = """
import sys
from serving.stores.control import ControlStore
ControlStore.open(sys.argv[1]).take_down("a", reason="r", actor="child")
"""


def run(code, path):
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


def test_a_takedown_of_another_process_is_known_at_the_next_call(tmp_path):
    control = ControlStore.open(tmp_path / "control.db")
    assert control.sequence() == 0
    run(ONE, tmp_path / "control.db")
    assert control.sequence() == 1
    assert [t.item_id for t in control.takedowns()] == ["a"]
    control.close()


def test_every_thread_sees_the_change_of_another_process(tmp_path):
    control = ControlStore.open(tmp_path / "control.db")
    asked, written, found = threading.Barrier(4), threading.Barrier(4), []

    def look():
        control.sequence()
        asked.wait(30)
        written.wait(30)
        found.append(control.sequence())

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    asked.wait(30)
    run(ONE, tmp_path / "control.db")
    written.wait(30)
    for thread in threads:
        thread.join()
    assert found == [1, 1, 1]
    control.close()


def test_a_kill_loses_no_acknowledged_takedown_and_leaves_the_audit_whole(tmp_path):
    path = tmp_path / "control.db"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        acknowledged = -1
        for line in writer.stdout:
            acknowledged = int(line)
            if acknowledged >= 20:
                os.kill(writer.pid, signal.SIGKILL)
                break
    control = ControlStore.open(path)
    known = len(control.takedowns())
    assert known >= acknowledged + 1
    assert control.sequence() == len(control.audit()) == known
    assert control.verify_audit() is None
    control.close()


def test_no_byte_of_an_erased_user_is_left_in_the_table(tmp_path):
    control = ControlStore.open(tmp_path / "control.db")
    control.put_controls("reader-4711", Controls(False, frozenset({"secret-item"})))
    control.erase_user("reader-4711")
    found = b"".join(file.read_bytes() for file in Path(tmp_path).iterdir())
    assert b"reader-4711" not in found
    assert b"secret-item" not in found
    control.close()
