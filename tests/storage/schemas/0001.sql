BEGIN TRANSACTION;
CREATE TABLE record (
    table_name TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    UNIQUE (table_name, key)
);
INSERT INTO "record" VALUES('functions','000000000000/eu-west-1/f0',X'930076616C75652030');
INSERT INTO "record" VALUES('functions','000000000000/eu-west-1/f1',X'930076616C75652031');
INSERT INTO "record" VALUES('functions','000000000000/eu-west-1/f2',X'930076616C75652032');
CREATE TABLE schema_migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO "schema_migration" VALUES(1,'records');
COMMIT;
