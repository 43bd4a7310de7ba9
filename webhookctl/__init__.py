"""webhookctl: try, watch and debug a deployed or a local scalable webhook from the command line."""
