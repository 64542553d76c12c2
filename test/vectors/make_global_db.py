#!/usr/bin/python3
"""make_global_db.py - writes the databases of test_schema with the real SQLite: as wazuh-db leaves one behind when it
is killed (its newest rows only in the log beside the file), and of two kinds that are not taken.

global_wal.db, global_wal.log: version 7; agents 1 and 2 in the file, 3 and the new name of 1 only in the log.
global_auto_vacuum.db, global_utf16.db: version 7, made with those settings."""
import os
import shutil
import sqlite3
import sys
import tempfile

STATUS = "TEXT NOT NULL CHECK ({} IN ({})) DEFAULT '{}'"


def status(name, default, *values):
    return f"{name} " + STATUS.format(name, ", ".join(f"'{v}'" for v in values), default)


TEXTS = "ip register_ip internal_key os_name os_version os_major os_minor os_codename os_build os_platform os_uname " \
        "os_arch version config_sum merged_sum manager_host".split()
SCHEMA = [
    "CREATE TABLE agent (id INTEGER PRIMARY KEY, name TEXT NOT NULL, " + ", ".join(f"{t} TEXT" for t in TEXTS) +
    ", node_name TEXT DEFAULT 'unknown', date_add INTEGER NOT NULL, last_keepalive INTEGER,"
    " `group` TEXT DEFAULT 'default', group_hash TEXT default NULL, " +
    status("group_sync_status", "synced", "synced", "syncreq") + ", " +
    status("sync_status", "synced", "synced", "syncreq", "syncreq_status", "syncreq_keepalive") + ", " +
    status("connection_status", "never_connected", "pending", "never_connected", "active", "disconnected") +
    ", disconnection_time INTEGER DEFAULT 0, " +
    status("group_config_status", "not synced", "synced", "not synced") + ", status_code INTEGER DEFAULT 0)",
    "CREATE INDEX agent_name ON agent (name)",
    "CREATE INDEX agent_ip ON agent (ip)",
    "CREATE INDEX agent_group_hash ON agent (group_hash)",
    "CREATE TABLE labels (id INTEGER REFERENCES agent (id) ON DELETE CASCADE, key TEXT NOT NULL, value TEXT NOT NULL,"
    " PRIMARY KEY (id, key))",
    "CREATE TABLE info (key TEXT PRIMARY KEY, value TEXT)",
    "CREATE TABLE `group` (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, UNIQUE (name))",
    "CREATE INDEX group_name ON `group` (name)",
    "CREATE TABLE belongs (id_agent INTEGER REFERENCES agent (id) ON DELETE CASCADE,"
    " id_group INTEGER REFERENCES `group` (id) ON DELETE CASCADE, priority INTEGER NOT NULL DEFAULT 0,"
    " UNIQUE (id_agent, priority), PRIMARY KEY (id_agent, id_group))",
    "CREATE INDEX belongs_id_agent ON belongs (id_agent)",
    "CREATE INDEX belongs_id_group ON belongs (id_group)",
    "CREATE TABLE metadata (key TEXT PRIMARY KEY, value TEXT)",
    "INSERT INTO metadata VALUES ('db_version', '7')",
    "INSERT INTO agent (id, name, date_add) VALUES (0, 'localhost', 1), (1, 'one', 2), (2, 'two', 3)",
]


def make(path, *pragmas):
    db = sqlite3.connect(path, isolation_level=None)
    for text in ["PRAGMA page_size = 512", *(f"PRAGMA {p}" for p in pragmas), *SCHEMA]:
        db.execute(text)
    return db


def main():
    to = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    with tempfile.TemporaryDirectory() as work:
        path = os.path.join(work, "global.db")
        db = make(path, "journal_mode = WAL", "wal_autocheckpoint = 0")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("INSERT INTO agent (id, name, date_add) VALUES (3, 'three', 4)")
        db.execute("UPDATE agent SET name = 'uno' WHERE id = 1")
        shutil.copy(path, os.path.join(to, "global_wal.db"))
        shutil.copy(path + "-wal", os.path.join(to, "global_wal.log"))
        db.close()
        for name, pragma in (("auto_vacuum", "auto_vacuum = 1"), ("utf16", "encoding = 'UTF-16le'")):
            path = os.path.join(work, name)
            make(path, pragma).close()
            shutil.copy(path, os.path.join(to, f"global_{name}.db"))


if __name__ == "__main__":
    main()
