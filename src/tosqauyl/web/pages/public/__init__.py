"""What citizens see: check, report, follow, appeal, what to do now, figures. Nobody needs an account."""
