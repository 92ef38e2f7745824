-- What agents found on their machines, by the last look. An agent may look
-- before it first asks for work, so that it has no row in `agents` yet.
CREATE TABLE agent_findings (
    token_id TEXT NOT NULL REFERENCES agent_tokens (id),
    agent_name TEXT NOT NULL,
    -- JSON: [{subject, state, says}].
    findings TEXT NOT NULL,
    examined_at BIGINT NOT NULL,
    PRIMARY KEY (token_id, agent_name)
);
