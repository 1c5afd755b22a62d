"""What other systems are given of the published indicators: STIX 2.1, MISP, CSV. Only what a second person approved, and what was
taken back again; never reports, never who reported."""
