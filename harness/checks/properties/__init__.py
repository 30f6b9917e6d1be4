"""One property per file. A file defines `PROPERTY`, a `harness.checks.property.Property`, and is found by its being here."""
