"""The command line by subject: each module is a group of commands over the service functions, and writes nothing itself."""
