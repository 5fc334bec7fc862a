-- access: what is secret about who may what. publisher writes it; aggregator reads what it needs to know a caller by. Nothing in
-- it can be used to get in: keys and session tokens are kept as hashes of 256 random bits, passwords as argon2id.

CREATE SCHEMA access;

CREATE TABLE access.keys (
    key_id     uuid PRIMARY KEY,
    role       text NOT NULL CHECK (role IN ('admin', 'client', 'gate')),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    hash       text COLLATE "C" NOT NULL UNIQUE CHECK (hash ~ '^[0-9a-f]{64}$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
-- A name says in logs which key it was, and is what its requests are counted by.
CREATE UNIQUE INDEX keys_by_name ON access.keys (name) WHERE revoked_at IS NULL;

-- One row, counted up by whatever changes a key: the programs ask for the number every second and for the keys when it is new.
CREATE TABLE access.version (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    version bigint NOT NULL
);
INSERT INTO access.version (version) VALUES (1);

CREATE FUNCTION access.count_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    UPDATE access.version SET version = version + 1;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION access.count_change() FROM PUBLIC;
CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON access.keys
    FOR EACH STATEMENT EXECUTE FUNCTION access.count_change();

-- A table of its own, so that whoever reads users cannot read it by mistake.
CREATE TABLE access.passwords (
    user_name text COLLATE "C" PRIMARY KEY REFERENCES ticketing.users ON DELETE CASCADE,
    hash      text NOT NULL CHECK (hash LIKE '$argon2id$%')
);

CREATE TABLE access.sessions (
    token_hash text COLLATE "C" PRIMARY KEY CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    user_name  text COLLATE "C" NOT NULL REFERENCES ticketing.users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_by_user ON access.sessions (user_name, created_at);
CREATE INDEX sessions_by_end ON access.sessions (expires_at);

-- An email address is one person's, however it is spelled.
ALTER TABLE ticketing.users DROP CONSTRAINT users_email_key;
ALTER TABLE ticketing.users ADD CONSTRAINT email_is_short CHECK (length(email) BETWEEN 3 AND 254);
CREATE UNIQUE INDEX users_by_email ON ticketing.users (lower(email));

GRANT USAGE ON SCHEMA access TO karcis_publisher, karcis_aggregator;
GRANT SELECT, INSERT ON access.keys TO karcis_publisher;
GRANT UPDATE (revoked_at) ON access.keys TO karcis_publisher;
GRANT SELECT ON access.version TO karcis_publisher, karcis_aggregator;
GRANT SELECT, INSERT, UPDATE ON access.passwords TO karcis_publisher;
GRANT SELECT, INSERT, DELETE ON access.sessions TO karcis_publisher;
GRANT SELECT (key_id, role, name, hash, created_at, revoked_at) ON access.keys TO karcis_aggregator;
GRANT SELECT (token_hash, user_name, expires_at) ON access.sessions TO karcis_aggregator;
