"""One property per file. Each defines `PROPERTY`, a `harness.checks.property.Property`, and is found by being here."""
