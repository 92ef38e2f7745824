//! Runs git: ls-remote for the server, checkout for the agent.
