-- A store of schema version 4, as its program left it. Never edit it: it stands for released versions.
BEGIN TRANSACTION;
CREATE TABLE approvals (
	incident TEXT NOT NULL,
	digest TEXT NOT NULL,
	request TEXT NOT NULL,
	asked_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	answer TEXT,
	"by" TEXT NOT NULL,
	reason TEXT NOT NULL,
	answered_at BIGINT,
	closed_at BIGINT,
	PRIMARY KEY (incident, digest),
	FOREIGN KEY(incident) REFERENCES incidents (id)
);
INSERT INTO "approvals" VALUES('07b6146e-2075-5c20-af9d-179582bef398','d1','{"name":"restart"}',1772334000000000,1772334000000000,NULL,'','',NULL,NULL);
CREATE TABLE attempts (
	incident TEXT NOT NULL,
	number INTEGER NOT NULL,
	target_key TEXT NOT NULL,
	tenant TEXT NOT NULL,
	remedy TEXT NOT NULL,
	at BIGINT NOT NULL,
	verdict TEXT NOT NULL,
	PRIMARY KEY (incident, number, target_key),
	FOREIGN KEY(incident) REFERENCES incidents (id)
);
INSERT INTO "attempts" VALUES('abf3d609-6840-5d1d-8a5b-a67bc74aa6f3',1,'container:local/web','default','restart',1772334000000000,'healed');
CREATE TABLE calls (
	"key" TEXT NOT NULL,
	seq INTEGER NOT NULL,
	PRIMARY KEY ("key"),
	FOREIGN KEY("key") REFERENCES intents ("key"),
	FOREIGN KEY(seq) REFERENCES journal (seq)
);
INSERT INTO "calls" VALUES('abf3d609-6840-5d1d-8a5b-a67bc74aa6f3/1/0',2);
CREATE TABLE claims (
	tenant TEXT NOT NULL,
	target_key TEXT NOT NULL,
	incident TEXT NOT NULL,
	fence BIGINT NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (tenant, target_key),
	FOREIGN KEY(incident) REFERENCES incidents (id)
);
INSERT INTO "claims" VALUES('default','container:local:db-id','07b6146e-2075-5c20-af9d-179582bef398',2,1772334000000000);
CREATE TABLE container_events (
	id INTEGER NOT NULL,
	tenant TEXT NOT NULL,
	target_key TEXT NOT NULL,
	at BIGINT NOT NULL,
	action TEXT NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (tenant, target_key, at, action)
);
INSERT INTO "container_events" VALUES(1,'default','container:local/web',1772334000000000,'die','{"target_key":"container:local/web","container_id":"web-id","action":"die","at":"2026-03-01T03:00:00Z","exit_code":null,"signal":"","network":"","health":""}');
CREATE TABLE counters (
	name TEXT NOT NULL,
	value BIGINT NOT NULL,
	PRIMARY KEY (name)
);
INSERT INTO "counters" VALUES('fence',2);
CREATE TABLE digests (
	id TEXT NOT NULL,
	tenant TEXT NOT NULL,
	channel TEXT NOT NULL,
	opened_at BIGINT NOT NULL,
	grown_at BIGINT NOT NULL,
	rang_at BIGINT,
	version INTEGER NOT NULL,
	delivered INTEGER NOT NULL,
	loud_at BIGINT,
	external_id TEXT,
	not_before BIGINT,
	PRIMARY KEY (id)
);
INSERT INTO "digests" VALUES('d-1','default','console',1772334000000000,1772334000000000,NULL,1,0,NULL,NULL,NULL);
CREATE TABLE episodes (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	tenant TEXT NOT NULL,
	incident TEXT NOT NULL,
	alert_name TEXT NOT NULL,
	service TEXT NOT NULL,
	kind TEXT NOT NULL,
	body TEXT NOT NULL,
	UNIQUE (incident),
	FOREIGN KEY(incident) REFERENCES incidents (id)
);
INSERT INTO "episodes" VALUES(1,'default','abf3d609-6840-5d1d-8a5b-a67bc74aa6f3','ContainerDown','web','container','{"incident":"abf3d609-6840-5d1d-8a5b-a67bc74aa6f3","alert_name":"ContainerDown","service":"web","kind":"container","cause":"crash","severity":"critical","symptom":"web is down","root_cause":"it exited with 1","remediation_taken":"restart","outcome":"resolved","healed_by":"restart","failed":[],"resolution_time":2.5,"at":"2026-03-01T03:00:00Z"}');
CREATE TABLE events (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	tenant TEXT NOT NULL,
	incident TEXT NOT NULL,
	kind TEXT NOT NULL,
	label TEXT NOT NULL,
	at BIGINT NOT NULL,
	text TEXT NOT NULL,
	data TEXT NOT NULL,
	FOREIGN KEY(incident) REFERENCES incidents (id)
);
INSERT INTO "events" VALUES(1,'default','abf3d609-6840-5d1d-8a5b-a67bc74aa6f3','received','',1772334000000000,'web is down','{}');
INSERT INTO "events" VALUES(2,'default','abf3d609-6840-5d1d-8a5b-a67bc74aa6f3','policy','',1772334000000000,'restart allowed: policy allows it','{"kind":"allowed","reason":"policy allows it","remedy":"restart","attempt":1}');
INSERT INTO "events" VALUES(3,'default','abf3d609-6840-5d1d-8a5b-a67bc74aa6f3','intent','',1772334000000000,'about to restart web','{"key":"abf3d609-6840-5d1d-8a5b-a67bc74aa6f3/1/0","attempt":1,"remedy":"restart","verb":"restart","target":"container:local/web"}');
INSERT INTO "events" VALUES(4,'default','abf3d609-6840-5d1d-8a5b-a67bc74aa6f3','effect','',1772334000000000,'restart web: restarted','{}');
INSERT INTO "events" VALUES(5,'default','abf3d609-6840-5d1d-8a5b-a67bc74aa6f3','outcome','',1772334000000000,'all checks are good','{"outcome":"resolved"}');
INSERT INTO "events" VALUES(6,'default','07b6146e-2075-5c20-af9d-179582bef398','received','',1772334000000000,'db is down','{}');
INSERT INTO "events" VALUES(7,'default','07b6146e-2075-5c20-af9d-179582bef398','approval_requested','',1772334000000000,'waits for a person''s word until 2026-03-01 03:00 UTC','{"digest":"d1","request":{"name":"restart"},"expires_at":"2026-03-01T03:00:00+00:00"}');
CREATE TABLE evidence (
	incident TEXT NOT NULL,
	id TEXT NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (incident, id),
	FOREIGN KEY(incident) REFERENCES incidents (id)
);
CREATE TABLE healthy (
	tenant TEXT NOT NULL,
	target_key TEXT NOT NULL,
	body TEXT NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (tenant, target_key)
);
INSERT INTO "healthy" VALUES('default','container:local/web','{"target":{"kind":"container","host":"local","id":"web-id","name":"web","service":"web","project":""},"image":"app:1","image_id":"sha256:1","config_digest":"c1","status":"running","exit_code":0,"oom_killed":false,"error":"","health":"none","health_output":"","health_every_s":0.0,"restart_count":0,"restart_policy":"no","started_at":"2026-03-01T03:00:00Z","finished_at":null,"memory_limit":0,"memswap_limit":0,"network_mode":"bridge","networks":[],"ports":[],"mounts":[],"labels":{},"depends_on":[],"auto_remove":false}',1772334000000000);
CREATE TABLE inbox (
	digest TEXT NOT NULL,
	tenant TEXT NOT NULL,
	incident TEXT NOT NULL,
	episode TEXT NOT NULL,
	status TEXT NOT NULL,
	alert TEXT NOT NULL,
	deliveries INTEGER NOT NULL,
	first_at BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	PRIMARY KEY (digest)
);
INSERT INTO "inbox" VALUES('dd03374309a1e5bb5cc3723628391aa46d32fb22f86b0f1234c4c9528c4f2d76','default','abf3d609-6840-5d1d-8a5b-a67bc74aa6f3','print-web@2026-03-01T03:00:00+00:00','firing','{"fingerprint":"print-web","status":"firing","labels":{"alertname":"ContainerDown","name":"web","severity":"critical"},"annotations":{"summary":"web is down"},"starts_at":"2026-03-01T03:00:00Z","ends_at":null,"generator_url":"","source":"alertmanager"}',1,1772334000000000,1772334000000000);
INSERT INTO "inbox" VALUES('6b3563037411636c821489b88c812ce7c50e956460ffdf3c79464edb09b47c6d','default','07b6146e-2075-5c20-af9d-179582bef398','print-db@2026-03-01T03:00:00+00:00','firing','{"fingerprint":"print-db","status":"firing","labels":{"alertname":"ContainerDown","name":"db","severity":"critical"},"annotations":{"summary":"db is down"},"starts_at":"2026-03-01T03:00:00Z","ends_at":null,"generator_url":"","source":"alertmanager"}',1,1772334000000000,1772334000000000);
CREATE TABLE incidents (
	id TEXT NOT NULL,
	tenant TEXT NOT NULL,
	episode TEXT NOT NULL,
	occurrence INTEGER NOT NULL,
	status TEXT NOT NULL,
	severity TEXT NOT NULL,
	outcome TEXT,
	reason TEXT NOT NULL,
	opened_at BIGINT NOT NULL,
	closed_at BIGINT,
	cleared_at BIGINT,
	parent TEXT,
	target_key TEXT,
	alert TEXT NOT NULL,
	target TEXT,
	diagnosis TEXT,
	attempts TEXT,
	verdict TEXT,
	usage TEXT,
	PRIMARY KEY (id),
	UNIQUE (tenant, episode, occurrence),
	FOREIGN KEY(parent) REFERENCES incidents (id)
);
INSERT INTO "incidents" VALUES('abf3d609-6840-5d1d-8a5b-a67bc74aa6f3','default','print-web@2026-03-01T03:00:00+00:00',1,'done','critical','resolved','all checks are good',1772334000000000,1772334000000000,NULL,NULL,NULL,'{"fingerprint":"print-web","status":"firing","labels":{"alertname":"ContainerDown","name":"web","severity":"critical"},"annotations":{"summary":"web is down"},"starts_at":"2026-03-01T03:00:00Z","ends_at":null,"generator_url":"","source":"alertmanager"}',NULL,NULL,'[{"number":1,"remedy":"restart","target":{"kind":"container","host":"local","id":"web-id","name":"web","service":"web","project":""},"touched":[],"result":"done","detail":"restarted","started_at":"2026-03-01T03:00:00Z","finished_at":"2026-03-01T03:00:00Z","verdict":"healed"}]',NULL,'{"model_calls":0,"prompt_tokens":0,"completion_tokens":0,"dollars":0.0}');
INSERT INTO "incidents" VALUES('07b6146e-2075-5c20-af9d-179582bef398','default','print-db@2026-03-01T03:00:00+00:00',1,'waiting','critical',NULL,'',1772334000000000,NULL,NULL,NULL,NULL,'{"fingerprint":"print-db","status":"firing","labels":{"alertname":"ContainerDown","name":"db","severity":"critical"},"annotations":{"summary":"db is down"},"starts_at":"2026-03-01T03:00:00Z","ends_at":null,"generator_url":"","source":"alertmanager"}',NULL,NULL,'[]',NULL,'{"model_calls":0,"prompt_tokens":0,"completion_tokens":0,"dollars":0.0}');
CREATE TABLE intents (
	"key" TEXT NOT NULL,
	tenant TEXT NOT NULL,
	incident TEXT NOT NULL,
	attempt INTEGER NOT NULL,
	position INTEGER NOT NULL,
	remedy TEXT NOT NULL,
	target_key TEXT NOT NULL,
	at BIGINT NOT NULL,
	seq INTEGER NOT NULL,
	PRIMARY KEY ("key"),
	UNIQUE (incident, attempt, position),
	FOREIGN KEY(incident) REFERENCES incidents (id),
	FOREIGN KEY(seq) REFERENCES journal (seq)
);
INSERT INTO "intents" VALUES('abf3d609-6840-5d1d-8a5b-a67bc74aa6f3/1/0','default','abf3d609-6840-5d1d-8a5b-a67bc74aa6f3',1,0,'restart','container:local/web',1772334000000000,2);
CREATE TABLE jobs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	tenant TEXT NOT NULL,
	incident TEXT NOT NULL,
	why TEXT NOT NULL,
	due_at BIGINT NOT NULL,
	taken_at BIGINT,
	FOREIGN KEY(incident) REFERENCES incidents (id)
);
INSERT INTO "jobs" VALUES(1,'default','abf3d609-6840-5d1d-8a5b-a67bc74aa6f3','alert',1772334000000000,NULL);
INSERT INTO "jobs" VALUES(2,'default','07b6146e-2075-5c20-af9d-179582bef398','alert',1772334000000000,NULL);
INSERT INTO "jobs" VALUES(3,'default','07b6146e-2075-5c20-af9d-179582bef398','expiry',1772334000000000,NULL);
CREATE TABLE journal (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	tenant TEXT NOT NULL,
	kind TEXT NOT NULL,
	subject TEXT NOT NULL,
	at BIGINT NOT NULL,
	body TEXT NOT NULL,
	prev_hash TEXT NOT NULL,
	hash TEXT NOT NULL,
	UNIQUE (hash)
);
INSERT INTO "journal" VALUES(1,'default','decision','abf3d609-6840-5d1d-8a5b-a67bc74aa6f3',1772334000000000,'{"attempt":1,"kind":"allowed","reason":"policy allows it","remedy":"restart"}','0000000000000000000000000000000000000000000000000000000000000000','00adadb828b7f13a34a708b87d5d927661aa58feb9af1e61fc2f747ebd1327ef');
INSERT INTO "journal" VALUES(2,'default','intent','abf3d609-6840-5d1d-8a5b-a67bc74aa6f3/1/0',1772334000000000,'{"at":"2026-03-01T03:00:00Z","attempt":1,"effect":{"memory_bytes":0,"network":null,"precondition":{"config_digest":"c1","container_id":"web-id","image_id":"sha256:1","status_class":"up"},"target":{"host":"local","id":"web-id","kind":"container","name":"web","project":"","service":"web"},"verb":"restart"},"fence":1,"incident":"abf3d609-6840-5d1d-8a5b-a67bc74aa6f3","key":"abf3d609-6840-5d1d-8a5b-a67bc74aa6f3/1/0","position":0,"remedy":"restart","seen":{"auto_remove":false,"config_digest":"c1","depends_on":[],"error":"","exit_code":0,"finished_at":null,"health":"none","health_every_s":0.0,"health_output":"","image":"app:1","image_id":"sha256:1","labels":{},"memory_limit":0,"memswap_limit":0,"mounts":[],"network_mode":"bridge","networks":[],"oom_killed":false,"ports":[],"restart_count":0,"restart_policy":"no","started_at":"2026-03-01T03:00:00Z","status":"running","target":{"host":"local","id":"web-id","kind":"container","name":"web","project":"","service":"web"}},"thread":"abf3d609-6840-5d1d-8a5b-a67bc74aa6f3"}','00adadb828b7f13a34a708b87d5d927661aa58feb9af1e61fc2f747ebd1327ef','c2fe3f792c50b50a1c9614f71ba0ab6c1eb6d147d5f4deb6474a0fcff14df29b');
INSERT INTO "journal" VALUES(3,'default','result','abf3d609-6840-5d1d-8a5b-a67bc74aa6f3/1/0',1772334000000000,'{"at":"2026-03-01T03:00:00Z","detail":"restarted","result":"done","settled":false}','c2fe3f792c50b50a1c9614f71ba0ab6c1eb6d147d5f4deb6474a0fcff14df29b','e291df5c8c56f9474b1f2e3c02bba484a5f5d9262ed93e5d449e075b772cd031');
INSERT INTO "journal" VALUES(4,'default','pause','default',1772334000000000,'{"by":"ann","reason":"moving the rack"}','e291df5c8c56f9474b1f2e3c02bba484a5f5d9262ed93e5d449e075b772cd031','bac4de88246e6fd5225c810f3f6fcca63e8c6f66aeed0162bd9710a247a286db');
CREATE TABLE latches (
	tenant TEXT NOT NULL,
	target_key TEXT NOT NULL,
	incident TEXT NOT NULL,
	reason TEXT NOT NULL,
	at BIGINT NOT NULL,
	seen_at BIGINT NOT NULL,
	told_at BIGINT NOT NULL,
	cycles INTEGER NOT NULL,
	lifted_at BIGINT,
	PRIMARY KEY (tenant, target_key),
	FOREIGN KEY(incident) REFERENCES incidents (id)
);
INSERT INTO "latches" VALUES('default','container:local/web','07b6146e-2075-5c20-af9d-179582bef398','it flaps',1772334000000000,1772334000000000,1772334000000000,20,NULL);
CREATE TABLE model_calls (
	"key" TEXT NOT NULL,
	tenant TEXT NOT NULL,
	incident TEXT NOT NULL,
	at BIGINT NOT NULL,
	day TEXT NOT NULL,
	model TEXT NOT NULL,
	prompt_tokens INTEGER NOT NULL,
	completion_tokens INTEGER NOT NULL,
	cost BIGINT NOT NULL,
	settled_at BIGINT,
	PRIMARY KEY ("key"),
	FOREIGN KEY(incident) REFERENCES incidents (id)
);
INSERT INTO "model_calls" VALUES('abf3d609-6840-5d1d-8a5b-a67bc74aa6f3/1','default','abf3d609-6840-5d1d-8a5b-a67bc74aa6f3',1700000000000000,'2023-11-14','gpt-4o-mini',800,60,156000,1700000000500000);
CREATE TABLE outbox (
	incident TEXT NOT NULL,
	channel TEXT NOT NULL,
	tenant TEXT NOT NULL,
	version INTEGER NOT NULL,
	delivered INTEGER NOT NULL,
	loud_version INTEGER NOT NULL,
	behind_since BIGINT NOT NULL,
	external_id TEXT,
	tries INTEGER NOT NULL,
	not_before BIGINT,
	error TEXT NOT NULL,
	PRIMARY KEY (incident, channel),
	FOREIGN KEY(incident) REFERENCES incidents (id)
);
INSERT INTO "outbox" VALUES('abf3d609-6840-5d1d-8a5b-a67bc74aa6f3','console','default',3,0,0,1772334000000000,NULL,0,NULL,'');
INSERT INTO "outbox" VALUES('07b6146e-2075-5c20-af9d-179582bef398','console','default',2,0,2,1772334000000000,NULL,0,NULL,'');
CREATE TABLE pauses (
	tenant TEXT NOT NULL,
	reason TEXT NOT NULL,
	"by" TEXT NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (tenant)
);
INSERT INTO "pauses" VALUES('default','moving the rack','ann',1772334000000000);
CREATE TABLE results (
	"key" TEXT NOT NULL,
	result TEXT NOT NULL,
	seq INTEGER NOT NULL,
	PRIMARY KEY ("key"),
	FOREIGN KEY("key") REFERENCES intents ("key"),
	FOREIGN KEY(seq) REFERENCES journal (seq)
);
INSERT INTO "results" VALUES('abf3d609-6840-5d1d-8a5b-a67bc74aa6f3/1/0','done',3);
CREATE TABLE schema_version (
	version INTEGER NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (version)
);
INSERT INTO "schema_version" VALUES(4,1772334000000000);
CREATE INDEX incidents_newest ON incidents (tenant, opened_at);
CREATE INDEX incidents_by_target ON incidents (target_key) WHERE target_key IS NOT NULL;
CREATE INDEX incidents_children ON incidents (parent) WHERE parent IS NOT NULL;
CREATE INDEX incidents_by_status ON incidents (tenant, status, opened_at, outcome, severity, closed_at);
CREATE INDEX inbox_without_incident ON inbox (tenant, episode) WHERE incident = '';
CREATE INDEX digests_of_channel ON digests (tenant, channel, grown_at);
CREATE INDEX container_events_by_time ON container_events (tenant, at);
CREATE INDEX jobs_of_incident ON jobs (incident);
CREATE INDEX jobs_due ON jobs (tenant, due_at);
CREATE INDEX events_of_incident ON events (incident, seq);
CREATE INDEX events_labelled ON events (tenant, label, incident) WHERE label <> '';
CREATE INDEX outbox_behind ON outbox (tenant, channel, behind_since) WHERE version > delivered;
CREATE INDEX claims_of_incident ON claims (incident);
CREATE INDEX intents_by_time ON intents (tenant, at);
CREATE INDEX intents_on_target ON intents (tenant, target_key, at);
CREATE INDEX attempts_on_target ON attempts (tenant, target_key, at);
CREATE INDEX episodes_in_order ON episodes (tenant, id);
CREATE INDEX episodes_of_pattern ON episodes (tenant, alert_name, service, kind);
CREATE INDEX model_calls_by_day ON model_calls (tenant, day);
CREATE INDEX model_calls_of_incident ON model_calls (incident);
CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'the journal table is append-only'); END;
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'the journal table is append-only'); END;
CREATE TRIGGER intents_no_update BEFORE UPDATE ON intents BEGIN SELECT RAISE(ABORT, 'the intents table is append-only'); END;
CREATE TRIGGER intents_no_delete BEFORE DELETE ON intents BEGIN SELECT RAISE(ABORT, 'the intents table is append-only'); END;
CREATE TRIGGER calls_no_update BEFORE UPDATE ON calls BEGIN SELECT RAISE(ABORT, 'the calls table is append-only'); END;
CREATE TRIGGER calls_no_delete BEFORE DELETE ON calls BEGIN SELECT RAISE(ABORT, 'the calls table is append-only'); END;
CREATE TRIGGER results_no_update BEFORE UPDATE ON results BEGIN SELECT RAISE(ABORT, 'the results table is append-only'); END;
CREATE TRIGGER results_no_delete BEFORE DELETE ON results BEGIN SELECT RAISE(ABORT, 'the results table is append-only'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',7);
INSERT INTO "sqlite_sequence" VALUES('jobs',3);
INSERT INTO "sqlite_sequence" VALUES('journal',4);
INSERT INTO "sqlite_sequence" VALUES('episodes',1);
COMMIT;
