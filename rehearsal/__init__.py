"""`make rehearse`: the whole deployment against an emulator of AWS, on this machine and with no account."""
