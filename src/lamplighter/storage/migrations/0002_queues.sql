-- Queues: entries that become due, leased fairly across groups. Times are milliseconds since 1970.
-- A lease moves due_at to its own end, so an entry whose holder died becomes due again by itself.
CREATE TABLE queue_entry (
    entry_id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice, or a late ack could hit a stranger
    queue TEXT NOT NULL,
    group_name TEXT NOT NULL,
    name TEXT,
    due_at INTEGER NOT NULL,
    leases INTEGER NOT NULL DEFAULT 0,
    checksum INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX queue_entry_by_due ON queue_entry (queue, group_name, due_at, entry_id);
CREATE UNIQUE INDEX queue_entry_by_name ON queue_entry (queue, name) WHERE name IS NOT NULL;

-- One row per group that may hold entries. A group with something due has a turn; the others wait for head_due_at,
-- which is never later than their first entry's due_at (it may be earlier: then a look at the group corrects it).
CREATE TABLE queue_group (
    queue TEXT NOT NULL,
    group_name TEXT NOT NULL,
    head_due_at INTEGER NOT NULL,
    turn INTEGER,
    UNIQUE (queue, group_name)
);
CREATE INDEX queue_group_by_turn ON queue_group (queue, turn) WHERE turn IS NOT NULL;
CREATE INDEX queue_group_by_due ON queue_group (queue, head_due_at) WHERE turn IS NULL;

-- Entries whose bytes are no longer those that were accepted: kept for people to look at, never handed out.
CREATE TABLE queue_damaged (
    entry_id INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    group_name TEXT NOT NULL,
    name TEXT,
    due_at INTEGER NOT NULL,
    leases INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    body BLOB NOT NULL
);
