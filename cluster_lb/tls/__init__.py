"""TLS contexts out of files: read, checked, made anew when the files change. No sockets here."""
