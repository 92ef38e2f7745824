-- iOS devices that testers have registered (DEP-10). A device belongs to who
-- registered it last.
CREATE TABLE devices (
    udid TEXT PRIMARY KEY,
    -- Lowercased; `address` is as it was typed.
    email TEXT NOT NULL,
    address TEXT NOT NULL,
    -- What the device says of itself, such as `iPhone14,2`, `21F90` and `17.5`.
    product TEXT NOT NULL DEFAULT '',
    os_build TEXT NOT NULL DEFAULT '',
    os_version TEXT NOT NULL DEFAULT '',
    registered_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX devices_by_email ON devices (email);
