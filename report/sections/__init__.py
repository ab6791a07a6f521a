"""The sections of the page, each a function from what is known of an execution to markup."""
