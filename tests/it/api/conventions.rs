//! api.md section 1 on the real routes.
