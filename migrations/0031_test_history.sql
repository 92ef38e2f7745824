-- A test is looked up in the last builds of a branch.
CREATE INDEX test_results_by_name ON test_results (build_id, name);
CREATE INDEX test_results_failed ON test_results (build_id) WHERE NOT passed;
CREATE INDEX builds_by_branch ON builds (app_id, branch, created_at, id);
