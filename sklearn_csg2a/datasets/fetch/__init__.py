"""Downloads that assemble that folder."""
