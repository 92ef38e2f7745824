INSERT INTO devices (udid, email, address, product, os_build, os_version, registered_at, seen_at) VALUES
    ('00008110-000A35C23C62801E', 'eve@example.org', 'Eve@example.org', 'iPhone14,2', '21F90', '17.5', 1710000000000, 1710000000000),
    ('5a8f3c0d9e1b2a4c6d7e8f90123456789abcdef0', 'bob@example.org', 'bob@example.org', '', '', '', 1710000000000, 1710003600000);
